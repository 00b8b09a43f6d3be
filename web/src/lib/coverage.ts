// What of a stack its backups hold, and why: what the agent says of each mount, and what the archives leave out.
import type { Archive, Stack } from './rows.ts'
import { words } from './words.ts'

/** never: what no archive holds and nobody misses: the system's own, and what lives in memory. */
export type Verdict = 'covered' | 'partly' | 'not' | 'never'

export interface Place {
  kind: 'directory' | 'volume' | 'bind' | 'other'
  /** Volume name or path on the host. */
  source: string
  verdict: Verdict
  why: string
  /** What to do about it; empty when nothing is to be done. */
  fix: string
  /** Which services see it, and where. */
  uses: { service: string; destination: string }[]
}

type Covering = Pick<Archive, 'name' | 'include_volumes' | 'include_bind_mounts'>

/** The directory first, then volumes, then the rest; each once, however many services mount it. */
export function coverageOf(stack: Stack, archives: readonly Archive[]): Place[] {
  const covering = archives.filter(({ id }) => stack.archives.some((archive) => archive.id === id))
  const directory: Place = {
    kind: 'directory',
    source: stack.path,
    ...(covering.length > 0
      ? { verdict: 'covered', why: words.stack.coverageDir, fix: '' }
      : { verdict: 'not', why: words.stack.noArchive, fix: '' }),
    uses: [],
  }
  const places = new Map<string, Place>()
  for (const mount of stack.mounts) {
    const key = `${mount.type} ${mount.source || `${mount.service} ${mount.destination}`}`
    const place = places.get(key) ?? placeOf(mount, covering)
    place.uses.push({ service: mount.service, destination: mount.destination })
    places.set(key, place)
  }
  const order = ['directory', 'volume', 'bind', 'other']
  return [directory, ...places.values()].sort((one, other) => order.indexOf(one.kind) - order.indexOf(other.kind))
}

function placeOf(mount: Stack['mounts'][number], archives: readonly Covering[]): Place {
  const kind = mount.type === 'volume' || mount.type === 'bind' ? mount.type : 'other'
  const place = { kind, source: mount.source, why: mount.why, fix: '', uses: [] } as const
  // agents of an older release do not tell
  const onRequest = mount.on_request ?? kind === 'bind'
  if (!mount.covered && !onRequest) {
    if (kind !== 'volume') return { ...place, uses: [], verdict: 'never' }
    return { ...place, uses: [], verdict: 'not', fix: words.stack.fixVolume }
  }
  if (archives.length === 0) return { ...place, uses: [], verdict: 'not', why: words.stack.noArchive }
  const without = archives.filter((archive) =>
    kind === 'volume' ? !archive.include_volumes : !mount.covered && !archive.include_bind_mounts,
  )
  if (without.length === 0) return { ...place, uses: [], verdict: 'covered' }
  const verdict = without.length === archives.length ? 'not' : 'partly'
  if (kind !== 'volume') return { ...place, uses: [], verdict, fix: words.stack.fixBind }
  return {
    ...place,
    uses: [],
    verdict,
    why: without.map(({ name }) => words.stack.volumesLeftOut(name)).join(' '),
    fix: words.stack.fixVolumesLeftOut,
  }
}

/** Places whose loss a backup would not make good. */
export function uncovered(places: readonly Place[]): Place[] {
  return places.filter(({ verdict }) => verdict !== 'covered' && verdict !== 'never')
}
