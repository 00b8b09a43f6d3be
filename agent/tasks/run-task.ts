// Which hand takes which task.
import type { AgentTask, CareOutcome, TaskOutcome } from 'db/domain/task'
import type { TaskReport } from '../task-report.ts'
import { archiveStack } from './archive-stack.ts'
import type { Tools } from './tools.ts'

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
    default:
      return { status: 'failed', reason: `this agent does not know the task ${task.kind}: update it`, backups: [] }
  }
}
