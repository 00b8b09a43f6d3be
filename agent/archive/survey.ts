// What packing would take, without reading any file: for runs that only say what they would do.
import { Exclusion } from './exclude.ts'
import type { SurveyRequest, SurveyResult } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import type { Remarks } from './remarks.ts'
import { openGround, walkAll } from './sources.ts'

/** Throws an EngineError when a source that is not optional cannot be read. */
export async function survey(request: SurveyRequest, remarks: Remarks, pulse: Pulse): Promise<SurveyResult> {
  const seen = new Set<string>()
  const counts = { files: 0, bytes: 0 }
  const exclusion = new Exclusion(request.patterns)
  using ground = openGround(request.sources, request.exclude, remarks)
  for (const found of walkAll(ground, exclusion)) {
    if ('error' in found) remarks.notRead(found.name, found.error, found.contentOnly ? 'its content' : 'it')
    else if (found.stat.isFile() && !isFurtherName(found.stat)) {
      counts.files++
      counts.bytes += Number(found.stat.size)
    }
    Object.assign(pulse, counts)
    if (pulse.due()) await pulse.beat()
  }
  remarks.end()
  if (request.patterns.length > 0) remarks.onAll('note', exclusion.inWords())
  return counts

  function isFurtherName({ nlink, dev, ino }: { nlink: bigint; dev: bigint; ino: bigint }): boolean {
    if (nlink === 1n) return false
    const known = seen.has(`${dev}:${ino}`)
    seen.add(`${dev}:${ino}`)
    return known
  }
}
