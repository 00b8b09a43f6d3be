// How the bytes of a tar become those of the file.
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import zstd from 'zstd-napi/binding.js'

const MiB = 1024 * 1024

export interface Compressor {
  /** Takes all of `input`, which may be overwritten once this returns. */
  push(input: Buffer): void
  /** More waits than memory should hold: drain before the next push. */
  readonly full: boolean
  drain(): Promise<void>
  /** Hands out what is left. */
  finish(): Promise<void>
}

type Out = (bytes: Buffer) => void

export function compressorOf(format: 'tar' | 'tar.gz' | 'tar.zst', level: number, out: Out): Compressor {
  switch (format) {
    case 'tar':
      return { push: out, full: false, drain: async () => {}, finish: async () => {} }
    case 'tar.gz':
      return gzipCompressor(level, out)
    case 'tar.zst':
      return zstdCompressor(level, out)
  }
}

/** One frame with a content checksum, on all cores. */
function zstdCompressor(level: number, out: Out): Compressor {
  const context = new zstd.CCtx()
  context.setParameter(zstd.CParameter.compressionLevel, level)
  context.setParameter(zstd.CParameter.checksumFlag, 1)
  context.setParameter(zstd.CParameter.nbWorkers, availableParallelism())
  context.setParameter(zstd.CParameter.jobSize, 2 * MiB)
  const output = Buffer.allocUnsafe(MiB)
  let used = 0

  function compress(input: Buffer, end: boolean): void {
    const directive = end ? zstd.EndDirective.end : zstd.EndDirective.continue
    for (let from = 0, pending = 1; from < input.length || (end && pending > 0);) {
      const [left, produced, consumed] = context.compressStream2(output.subarray(used), input.subarray(from), directive)
      pending = left
      from += consumed
      used += produced
      if (used === output.length) flush()
    }
  }

  function flush(): void {
    out(output.subarray(0, used))
    used = 0
  }

  return {
    push: (input) => compress(input, false),
    full: false,
    drain: async () => {},
    async finish() {
      compress(Buffer.alloc(0), true)
      flush()
    },
  }
}

/** A member for each piece of input, which every reader joins again: so all cores can work, where gzip knows but one. */
function gzipCompressor(level: number, out: Out): Compressor {
  const atOnce = availableParallelism() + 1
  const members: Promise<Buffer>[] = []

  async function handOut(atMost: number): Promise<void> {
    while (members.length > atMost) {
      const [first] = members
      if (first) out(await first)
      members.shift()
    }
  }

  return {
    push(input) {
      if (input.length === 0) return
      const member = promisify(gzip)(Buffer.from(input), { level: Math.min(level, 9), chunkSize: MiB })
      member.catch(() => {}) // whoever takes it out is told
      members.push(member)
    },
    get full() {
      return members.length >= atOnce
    },
    drain: () => handOut(atOnce - 1),
    finish: () => handOut(0),
  }
}
