// Packs folders into a backup of any format: the seam of the engine. Its callers know requests, results and these three steps.
import { FolderPacking } from './folder-packing.ts'
import type { PackRequest, PackResult } from './protocol.ts'
import type { Pulse } from './pulse.ts'
import type { Remarks } from './remarks.ts'
import { TarPacking } from './tar-packing.ts'

export interface Packing extends AsyncDisposable {
  /**
   * While the stack runs: reads everything that is not in the previous backup already. Files may change meanwhile; `read` finds
   * those that did.
   */
  readAhead(): Promise<void>
  /**
   * Reads what changed since `readAhead`, or everything when that was not called. Nothing is read from the sources after it. Resolves
   * with the rest of the work, which brings the backup into its form and flushes it.
   */
  read(): Promise<() => Promise<PackResult>>
}

/** Throws an EngineError when the backup cannot be written or a source that is not optional cannot be read; so do its steps. */
export function openPacking(request: PackRequest, remarks: Remarks, pulse: Pulse, now: Date): Packing {
  const { format } = request
  if (format === 'folder') return new FolderPacking(request, remarks, pulse, now)
  return new TarPacking({ ...request, format }, remarks, pulse, now)
}

/** All of it at once. */
export async function pack(request: PackRequest, remarks: Remarks, pulse: Pulse, now: Date): Promise<PackResult> {
  await using packing = openPacking(request, remarks, pulse, now)
  const finish = await packing.read()
  return await finish()
}
