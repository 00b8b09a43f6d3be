// A job's log as an attachment: as it is while it is small, else compressed, and not at all when mail servers would refuse it.
import { createGzip } from 'node:zlib'
import type { Sql } from 'db/connect'
import { readLog } from 'db/queries/logs'
import { logText } from '../log-text.ts'

/** Bytes. Common servers take 10 to 25 MB, and base64 adds a third. */
const largest = { plain: 256 * 1024, compressed: 6 * 1024 * 1024 }

export interface LogFile {
  filename: string
  content: Buffer
  contentType: string
}

/** Null when it is too large. */
export async function logFile(sql: Sql, jobId: number, limits = largest): Promise<LogFile | null> {
  const gzip = createGzip()
  const packed: Buffer[] = []
  let packedSize = 0
  gzip.on('data', (chunk: Buffer) => {
    packed.push(chunk)
    packedSize += chunk.length
  })
  const done = new Promise<void>((resolve, reject) => gzip.on('end', resolve).on('error', reject))
  let plain: Uint8Array[] = []
  let size = 0
  for await (const chunk of logText(readLog(sql, jobId))) {
    size += chunk.length
    if (size <= limits.plain) plain.push(chunk)
    else plain = []
    if (!gzip.write(chunk)) await new Promise((resolve) => gzip.once('drain', resolve))
    if (packedSize > limits.compressed) {
      gzip.destroy()
      return null
    }
  }
  gzip.end()
  await done
  const name = `job-${jobId}-log.txt`
  if (size <= limits.plain)
    return { filename: name, content: Buffer.concat(plain), contentType: 'text/plain; charset=utf-8' }
  return { filename: `${name}.gz`, content: Buffer.concat(packed), contentType: 'application/gzip' }
}
