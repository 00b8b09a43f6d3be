// The processes an agent starts, found as the operating system knows them.
import { readdir, readFile } from 'node:fs/promises'
import type { EventWatch } from './events.ts'
import { until } from './until.ts'

/** The archive process of an agent, as soon as there is one. */
export async function engineOf(agentPid: number): Promise<number> {
  return until('the archive process to be there', async () => (await childrenOf(agentPid, 'archive/engine.ts'))[0])
}

/**
 * Stops the archive process of an agent as soon as the first container of the stack is being stopped, when it has read ahead
 * and waits: the stack then stays down until it goes on, or is given up. Returns its pid.
 */
export async function holdInWindow(agentPid: number, events: EventWatch, firstService = 'web'): Promise<number> {
  await events.until('kill', firstService)
  const engine = await engineOf(agentPid)
  process.kill(engine, 'SIGSTOP')
  return engine
}

async function childrenOf(parent: number, command: string): Promise<number[]> {
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0)
  const matching = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
      // the name in parentheses may hold spaces; what follows it is state and parent
      const [, owner] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      return Number(owner) === parent && line.includes(command)
    }),
  )
  return pids.filter((_, index) => matching[index])
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
