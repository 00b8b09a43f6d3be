// Which hand takes which task.
import type { AgentTask, CareOutcome, TaskOutcome } from 'db/domain/task'
import type { TaskReport } from '../task-report.ts'
import { archiveStack } from './archive-stack.ts'
import { cleanUp } from './clean-up.ts'
import { deleteBackups } from './delete-backups.ts'
import { fixPermissions } from './fix-permissions.ts'
import { prepareDownload } from './prepare-download.ts'
import { sendBytes } from './send-bytes.ts'
import type { Tools } from './tools.ts'
import { trashBackups, untrashBackups } from './trash-backups.ts'
import { verifyBackups } from './verify-backups.ts'

/** Never throws: the outcome tells what became of it. */
export async function runTask(
  task: AgentTask,
  tools: Tools,
  report: TaskReport,
  signal: AbortSignal,
): Promise<TaskOutcome | CareOutcome> {
  switch (task.kind) {
    case 'archive_stack':
      return archiveStack(task, tools, report, signal)
    case 'delete_backups':
      return deleteBackups(task, tools, report, signal)
    case 'trash_backups':
      return trashBackups(task, tools, report, signal)
    case 'untrash_backups':
      return untrashBackups(task, tools, report, signal)
    case 'verify_backups':
      return verifyBackups(task, tools, report, signal)
    case 'clean_up':
      return cleanUp(task, tools, report, signal)
    case 'fix_permissions':
      return fixPermissions(task, tools, report, signal)
    case 'send_bytes':
      return sendBytes(task, tools, report, signal)
    case 'prepare_download':
      return prepareDownload(task, tools, report, signal)
    default:
      return unknownTask(task)
  }
}

/** Of a server that is newer than this agent. */
function unknownTask(task: never): CareOutcome {
  const { kind } = task as AgentTask
  return { status: 'failed', reason: `this agent does not know the task ${kind}: update it`, backups: [] }
}
