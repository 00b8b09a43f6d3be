// docker-archiver pack
import { lstat, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { rmSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { archiveFormats, levels, type ArchiveFormat } from 'db/domain/archive'
import { indexPathOf } from '../archive/index-path.ts'
import { pack as packNow } from '../archive/pack.ts'
import { EngineError, fullReadEvery, type PackRequest, type PackResult } from '../archive/protocol.ts'
import { Remarks } from '../archive/remarks.ts'
import { reasonOf, writeFailure } from '../archive/words.ts'
import { publish, syncFolder } from '../durable.ts'
import { inBytes, inFiles, telling } from './tell.ts'
import { parse, WrongUse } from './usage.ts'

export async function pack(args: string[]): Promise<number> {
  const { values, paths } = parse(
    args,
    { format: { type: 'string' }, level: { type: 'string' }, previous: { type: 'string' }, force: { type: 'boolean' } },
    'SOURCE',
    'OUT',
  )
  const [source, out] = paths.map((path) => resolve(path)) as [string, string]
  const format = formatFor(out, values.format)
  const { pulse, remark, result } = telling(values.json === true)
  const partial = join(dirname(out), `.${basename(out)}.partial`)
  if (!values.force) await refuseTaken(out)
  const request: PackRequest = {
    op: 'open',
    out: partial,
    format,
    level: levelFrom(values.level),
    sources: [{ path: source, prefix: basename(source) || 'root', optional: false }],
    exclude: [],
    patterns: [],
    append: [],
    previous: values.previous === undefined ? null : resolve(values.previous),
    full_read_every: fullReadEvery,
  }
  const made = await whilePartial(partial, format, async () => {
    const packed = await packNow(request, new Remarks(remark), pulse, new Date())
    await giveNames(partial, out, values.force === true)
    return packed
  })
  result({ file: out, ...made }, inWords(made))
  return made.unreadable_count + made.changed_count + made.lost_count > 0 ? 1 : 0
}

function formatFor(out: string, given: string | undefined): ArchiveFormat {
  const known = archiveFormats.find((format) => (given === undefined ? out.endsWith(`.${format}`) : format === given))
  if (given !== undefined && !known) throw new WrongUse(`there is no format "${given}"`)
  return known ?? (out.endsWith('.tgz') ? 'tar.gz' : 'tar.zst')
}

function levelFrom(given = '3'): number {
  const level = /^\d+$/.test(given) ? Number(given) : NaN
  if (level >= levels.min && level <= levels.max) return level
  throw new WrongUse(`--level is a number from ${levels.min} to ${levels.max}`)
}

async function refuseTaken(out: string): Promise<void> {
  for (const path of [out, indexPathOf(out)])
    if (await lstat(path).catch(() => null))
      throw new EngineError('EEXIST', `${path} is there already; --force replaces it`)
}

/** Whatever ends the work, unless it is killed, nothing half made stays. */
async function whilePartial<T>(partial: string, format: ArchiveFormat, work: () => Promise<T>): Promise<T> {
  const remove = () => {
    rmSync(partial, { recursive: true, force: true })
    rmSync(indexPathOf(partial), { force: true })
  }
  const end = (signal: NodeJS.Signals) => {
    remove()
    process.exit(signal === 'SIGINT' ? 130 : 143)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)
  try {
    remove()
    try {
      if (format === 'folder') await mkdir(partial, { mode: 0o700 })
      else await (await open(partial, 'wx', 0o600)).close()
    } catch (error) {
      throw new EngineError((error as NodeJS.ErrnoException).code ?? 'EIO', writeFailure(partial, error))
    }
    return await work()
  } finally {
    remove()
  }
}

/** The backup first: one without its index can be read, an index beside another backup misleads. */
async function giveNames(partial: string, out: string, force: boolean): Promise<void> {
  try {
    if (force) {
      await rm(indexPathOf(out), { force: true })
      if (
        await stat(out).then(
          (found) => found.isDirectory(),
          () => false,
        )
      )
        await rm(out, { recursive: true })
      await rename(partial, out)
      await rename(indexPathOf(partial), indexPathOf(out))
      await syncFolder(dirname(out))
    } else {
      await publish(partial, out)
      await publish(indexPathOf(partial), indexPathOf(out))
    }
  } catch (error) {
    const { code = 'EIO' } = error as NodeJS.ErrnoException
    throw new EngineError(code, `${out} cannot be given its name: ${reasonOf(error)}`)
  }
}

function inWords({ files, content_bytes, size_bytes, reused_bytes }: PackResult): string {
  const reused = reused_bytes > 0 ? `; ${inBytes(reused_bytes)} as in the previous one` : ''
  return `${inFiles(files)} of ${inBytes(content_bytes)} packed into ${inBytes(size_bytes)}${reused}`
}
