// Runs `docker compose` for a project as it was started: with its files, its environment files, its name.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface ComposeProject {
  name: string
  directory: string
  /** As named by -f when it was started; empty: those Compose finds in the directory. */
  files: string[]
  envFiles: string[]
}

export interface ComposeRun {
  /** Everything it wrote, line by line. */
  onLine: (line: string) => void
  /** Ends it. */
  signal?: AbortSignal
  /** ms without a line until it is ended; 0: none. */
  inactivity?: number
  /** ms until it is ended. */
  limit?: number
}

export type ComposeEnd = { code: number | null } | { gaveUp: 'inactivity' | 'limit' | 'aborted' } | { error: Error }

export function composeOptions({ name, directory, files, envFiles }: ComposeProject): string[] {
  return [
    ...['compose', '--project-directory', directory],
    ...(name ? ['--project-name', name] : []),
    ...files.flatMap((file) => ['--file', file]),
    ...envFiles.flatMap((file) => ['--env-file', file]),
  ]
}

/** Never throws; settles at once when it is given up, whatever state the process is in. */
export async function runCompose(project: ComposeProject, args: string[], run: ComposeRun): Promise<ComposeEnd> {
  const child = spawn('docker', [...composeOptions(project), ...args], {
    cwd: project.directory,
    env: { ...process.env, COMPOSE_ANSI: 'never' },
    // a group of its own: Ctrl-C does not reach it, and the plugin that the command starts ends with it
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let end: (how: ComposeEnd) => void = () => {}
  const ended = new Promise<ComposeEnd>((resolve) => (end = resolve))
  const giveUp = (why: 'inactivity' | 'limit' | 'aborted') => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // it has ended already
    }
    for (const stream of child.stdio) stream?.destroy()
    child.unref()
    end({ gaveUp: why })
  }
  const silence = run.inactivity ? setTimeout(() => giveUp('inactivity'), run.inactivity) : undefined
  const late = run.limit ? setTimeout(() => giveUp('limit'), run.limit) : undefined
  const abort = () => giveUp('aborted')
  run.signal?.addEventListener('abort', abort)
  for (const stream of [child.stdout, child.stderr]) {
    // progress that never ends its line is output, too
    stream.on('data', () => void silence?.refresh())
    createInterface({ input: stream }).on('line', run.onLine)
  }
  child.on('error', (error) => end({ error }))
  child.on('close', (code) => end({ code }))
  if (run.signal?.aborted) abort()
  try {
    return await ended
  } finally {
    clearTimeout(silence)
    clearTimeout(late)
    run.signal?.removeEventListener('abort', abort)
  }
}
