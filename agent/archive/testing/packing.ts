// Packs within the test's own process, so that a test can change files at a known moment.
import { join } from 'node:path'
import type { ArchiveFormat } from 'db/domain/archive'
import { pack } from '../pack.ts'
import { TarPacking } from '../tar-packing.ts'
import type { PackRequest, PackResult, RemarkEvent, VerifyResult } from '../protocol.ts'
import { Pulse } from '../pulse.ts'
import { Remarks } from '../remarks.ts'
import { verify } from '../verify.ts'
import { inlineThread } from './inline-thread.ts'
import { emptyFile } from './tree.ts'

/** The same always: what is made of the same is the same. */
const now = new Date('2026-11-23T12:34:56.789Z')

export interface Packed {
  file: string
  result: PackResult
  remarks: RemarkEvent[]
}

/** Packs `source` as "stack" into a new file in `folder`; `meanwhile` is called between any two reads. */
export async function packed(
  folder: string,
  source: string,
  options: Partial<PackRequest> = {},
  meanwhile?: (bytesRead: number) => void,
): Promise<Packed> {
  const remarks: RemarkEvent[] = []
  const file = options.out ?? emptyFile(join(folder, String(Math.random())), options.format)
  const request = requestFor(source, { ...options, out: file })
  const told = new Remarks((event) => remarks.push(event))
  const result = await packWhile(request, told, meanwhile)
  return { file, result, remarks }
}

/** `source` as "stack". */
export function requestFor(source: string, options: Partial<PackRequest> & { out: string }): PackRequest {
  return {
    op: 'open',
    format: 'tar.zst',
    level: 1,
    sources: [{ path: source, prefix: 'stack', optional: false }],
    exclude: [],
    patterns: [],
    append: [],
    previous: null,
    full_read_every: 30,
    ...options,
  }
}

async function packWhile(
  request: PackRequest,
  remarks: Remarks,
  meanwhile?: (bytesRead: number) => void,
): Promise<PackResult> {
  const { format } = request
  if (!meanwhile) return pack(request, remarks, new Pulse(() => {}), now)
  if (format === 'folder') return pack(request, remarks, new Interrupted(meanwhile), now)
  await using packing = new TarPacking({ ...request, format }, remarks, new Pulse(() => {}), now, [
    inlineThread(meanwhile),
  ])
  const finish = await packing.read()
  return await finish()
}

/** All of it. */
export function readBack(file: string, format: ArchiveFormat = 'tar.zst'): Promise<VerifyResult> {
  return verify({ op: 'verify', file, format, frames: 'all' }, new Pulse(() => {}))
}

/** For folders, which are read by the walk itself. */
class Interrupted extends Pulse {
  readonly #meanwhile: (bytesRead: number) => void

  constructor(meanwhile: (bytesRead: number) => void) {
    super(() => {})
    this.#meanwhile = meanwhile
  }

  override due(): boolean {
    return true
  }

  override async beat(): Promise<void> {
    this.#meanwhile(this.bytes)
    await Promise.resolve()
  }
}
