// Whether what we made can be read by others: files 0644, folders 0755. What is in a folder backup keeps its own.
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from 'db/domain/errors'
import { counted } from 'db/domain/size'
import type { CareOutcome, TaskOf } from 'db/domain/task'
import type { TaskReport } from '../task-report.ts'
import { lookThrough } from './archives-folder.ts'
import { careTask, type Care } from './care.ts'
import type { Tools } from './tools.ts'

export const outputModes = { file: 0o644, folder: 0o755 } as const

export async function fixPermissions(
  task: TaskOf<'fix_permissions'>,
  tools: Tools,
  report: TaskReport,
  signal: AbortSignal,
): Promise<CareOutcome> {
  const { fix } = task.payload
  return careTask(task, tools, report, signal, async (care) => {
    const { entries, folders } = await lookThrough(tools.archivesDir, [])
    const made = [
      ...folders.map((path) => ({ path, mode: outputModes.folder })),
      ...entries
        .filter(({ kind }) => kind === 'backup' || kind === 'index')
        .map(({ path, isDirectory }) => ({ path, mode: isDirectory ? outputModes.folder : outputModes.file })),
    ]
    const left: string[] = []
    for (const { path, mode } of made) {
      signal.throwIfAborted()
      await check(path, mode, fix, tools, care).catch((error: unknown) => {
        left.push(`${path}: ${messageOf(error)}`)
        report.say('warn', `The permissions of ${path} stay as they are: ${messageOf(error)}`)
      })
    }
    const wrong = care.findings.length
    report.say(
      'info',
      wrong === 0
        ? `The permissions of ${counted(made.length, 'item')} are right`
        : `${counted(wrong, 'item')} ${fix ? 'put right' : 'with other permissions than 0644 for files and 0755 for folders'}`,
    )
    if (left.length > 0) throw new Error(left.join('; '))
  })
}

async function check(path: string, mode: number, fix: boolean, tools: Tools, care: Care): Promise<void> {
  // through the open file: a link that was put there meanwhile is not followed
  const handle = await open(join(tools.archivesDir, path), constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const is = (await handle.stat()).mode & 0o7777
    if (is === mode) return
    if (fix) await handle.chmod(mode)
    const text = `${path} ${fix ? 'had' : 'has'} mode ${octal(is)}, ${fix ? 'and has now' : 'and would get'} ${octal(mode)}`
    care.findings.push({ task: 'permissions', path, did: fix ? 'fixed' : 'reported', bytes: 0, text })
    care.report.say('info', text)
  } finally {
    await handle.close()
  }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}
