// Runs a program to its end and says in words what went wrong.
import { spawn } from 'node:child_process'

export interface RunOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  input?: string | Buffer
  /** Also shows the program's output as it comes. */
  show?: boolean
  /** ms; the program is killed after it. */
  timeout?: number
  signal?: AbortSignal
}

/** Returns what it wrote to standard output; throws when it fails, with what it wrote to standard error. */
export async function run(file: string, args: string[], options: RunOptions = {}): Promise<string> {
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    timeout: options.timeout,
    ...(options.signal ? { signal: options.signal } : {}),
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  let out = ''
  let all = ''
  const take = (chunk: Buffer, target: NodeJS.WriteStream) => {
    all = (all + chunk.toString()).slice(-20_000)
    if (options.show) target.write(chunk)
  }
  child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk.toString()
    take(chunk, process.stdout)
  })
  child.stderr?.on('data', (chunk: Buffer) => take(chunk, process.stderr))
  child.stdin?.on('error', () => {})
  child.stdin?.end(options.input)
  const [code, signal] = await new Promise<[number | null, string | null]>((done, failed) => {
    child.on('error', failed).on('close', (...how) => done(how))
  })
  if (code !== 0) throw new Error(`"${[file, ...args].join(' ')}" ended with ${code ?? signal}:\n${all.trim()}`)
  return out
}

/** The same, as an answer to "does this work here?". */
export async function works(file: string, args: string[], options: RunOptions = {}): Promise<boolean> {
  return await run(file, args, options).then(
    () => true,
    () => false,
  )
}
