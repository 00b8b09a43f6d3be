// docker-archiver unpack
import { writeSync } from 'node:fs'
import { resolve } from 'node:path'
import { formatOf } from '../archive/format-of.ts'
import { EngineError } from '../archive/protocol.ts'
import { latin1 } from '../archive/names.ts'
import { printable } from '../archive/words.ts'
import { inBytes, inEntries, telling, type Telling } from './tell.ts'
import { parse, WrongUse } from './usage.ts'

/** Told one by one. */
const mostTold = 1000

export async function unpack(args: string[]): Promise<number> {
  const { values, paths } = parse(
    args,
    { path: { type: 'string', multiple: true }, overwrite: { type: 'boolean' } },
    'FILE',
    'DEST',
  )
  const file = resolve(paths[0] ?? '')
  const wanted = (values.path ?? []).map((path) => latin1(path))
  if (wanted.includes('')) throw new WrongUse('--path needs a name in the backup')
  const told = telling(values.json === true)
  const format = formatOf(file)
  if (paths[1] === '-') return print(file, format, wanted, told)
  const { unpack: unpackNow } = await import('../archive/unpack.ts')
  const to = resolve(paths[1] ?? '')
  const request = { file, format, to, paths: wanted, overwrite: values.overwrite === true }
  const { faults, lost, damage, ...done } = await unpackNow(request, told.pulse)
  for (const { name, text } of faults.slice(0, mostTold))
    told.remark({ type: 'warning', path: printable(name), text: `is not unpacked: ${text}` })
  if (faults.length > mostTold) warn(told, `and ${faults.length - mostTold} more that are not listed one by one`)
  for (const [what, count] of lost) warn(told, `the ${what} of ${inEntries(count)} could not be kept${whyLost()}`)
  if (damage !== null) warn(told, `${damage}; what comes behind is not unpacked`)
  const isNothing = wanted.length > 0 && done.entries + faults.length === 0 && damage === null
  if (isNothing) throw new EngineError('ENOENT', `there is nothing named ${values.path?.join(' or ')} in ${file}`)
  const result = { to, ...done, refused: faults.length, lost: Object.fromEntries(lost), damage }
  told.result(result, `${inEntries(done.entries)} with ${inBytes(done.bytes)} unpacked into ${to}`)
  return faults.length > 0 || damage !== null ? 1 : 0
}

async function print(
  file: string,
  format: ReturnType<typeof formatOf>,
  wanted: string[],
  told: Telling,
): Promise<number> {
  const [name, ...more] = wanted
  if (name === undefined || more.length > 0) throw new WrongUse('- as DEST needs one --path')
  const { printFile } = await import('../archive/print-file.ts')
  await printFile(file, format, name, writeAll, told.pulse)
  return 0
}

/** A pipe may be set not to wait: then it says that it is full. */
function writeAll(bytes: Buffer): void {
  for (let done = 0; done < bytes.length;) {
    try {
      done += writeSync(1, bytes, done)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}

function warn(told: Telling, text: string): void {
  told.remark({ type: 'warning', path: '', text })
}

function whyLost(): string {
  return process.getuid?.() === 0 ? ': the system does not take it' : ': only root can'
}
