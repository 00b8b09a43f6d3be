// How the bytes of a file become those of its tar again. Whatever follows the last of them is damage.
import { createGunzip } from 'node:zlib'
import zstd from 'zstd-napi/binding.js'

const MiB = 1024 * 1024

export interface Decoder {
  /** `bytes` may be overwritten once this has settled. Throws when they are damaged. */
  push(bytes: Buffer): void | Promise<void>
  /** Call after the last byte. */
  end(): void | Promise<void>
}

type Take = (bytes: Buffer) => void

/** What `take` throws comes out of push and end as it is. */
export function decoderOf(format: 'tar' | 'tar.gz' | 'tar.zst', take: Take): Decoder {
  switch (format) {
    case 'tar':
      return { push: take, end: () => {} }
    case 'tar.gz':
      return gunzip(take)
    case 'tar.zst':
      return zstdDecoder(take)
  }
}

function zstdDecoder(take: Take): Decoder {
  const context = new zstd.DCtx()
  const output = Buffer.allocUnsafe(MiB)
  let unfinished = 1 // zstd's hint: 0 exactly at the end of a frame
  return {
    push(bytes) {
      // as long as it fills the output it may hold more, even with all input taken
      for (let from = 0, full = false; from < bytes.length || full;) {
        const [hint, produced, consumed] = context.decompressStream(output, bytes.subarray(from))
        full = produced === output.length
        take(output.subarray(0, produced))
        from += consumed
        unfinished = hint
        if (hint === 0 && from === bytes.length) break
      }
    },
    end() {
      if (unfinished !== 0) throw new Error('it ends too early')
    },
  }
}

/** Node takes zeros after the last member for the end and looks no further, so what it consumed is counted. */
function gunzip(take: Take): Decoder {
  const stream = createGunzip({ chunkSize: 256 * 1024 })
  const over = Promise.withResolvers<void>()
  over.promise.catch(() => {}) // told by push or end
  let pushed = 0
  stream.on('data', (bytes: Buffer) => {
    try {
      take(bytes)
    } catch (error) {
      over.reject(error)
      stream.destroy()
    }
  })
  stream.on('error', (error) => over.reject(tooEarly(error)))
  stream.on('close', () => over.resolve())
  return {
    async push(bytes) {
      pushed += bytes.length
      await Promise.race([over.promise, new Promise((resolve) => stream.write(bytes, resolve))])
    },
    async end() {
      stream.end()
      await over.promise
      if (pushed === 0) throw new Error('it ends too early')
      if (stream.bytesWritten !== pushed) throw new Error('something follows after its end')
    },
  }
}

function tooEarly(error: Error): Error {
  return error.message === 'unexpected end of file' ? new Error('it ends too early') : error
}
