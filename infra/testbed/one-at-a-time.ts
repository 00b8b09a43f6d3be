// Lets several test runs of this machine do a thing one after the other.
import { readlink, rm, symlink } from 'node:fs/promises'
import { isAlive } from './agent-processes.ts'
import { until } from './until.ts'

/** `lock` is a path; a run that was killed holds nothing. Throws when its turn does not come within `timeout` ms. */
export async function oneAtATime<T>(lock: string, timeout: number, work: () => Promise<T>): Promise<T> {
  await until(
    `its turn (${lock})`,
    async () => {
      const took = await symlink(String(process.pid), lock).then(
        () => true,
        () => false,
      )
      if (!took && !isAlive(Number(await readlink(lock)))) await rm(lock, { force: true })
      return took
    },
    timeout,
  )
  try {
    return await work()
  } finally {
    await rm(lock, { force: true })
  }
}
