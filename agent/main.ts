// The agent: first brings back what an earlier one left stopped, then works for the server until it is ended.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { messageOf, StaleEpoch } from 'db/domain/errors'
import { askDocker, connectDocker } from './docker/engine.ts'
import { openJournal } from './journal.ts'
import { openLedger } from './ledger.ts'
import { openLeftovers } from './leftovers.ts'
import { workUntilEnded } from './loop.ts'
import { registerAgent } from './server.ts'
import { readSettings } from './settings.ts'
import { runTask } from './tasks/run-task.ts'
import { watchHost } from './watch-host.ts'

const { version } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8')) as { version: string }

const settings = (() => {
  try {
    return readSettings(process.env)
  } catch (error) {
    console.error(`The agent cannot start:\n${messageOf(error)}`)
    return process.exit(1)
  }
})()

const log = pino({ level: settings.logLevel, base: { name: 'agent' } })
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => stop.abort(new Error('the agent was asked to stop')))

const docker = connectDocker()
const journal = await openJournal(settings.stateDir, (text) => log.error(text))
const leftovers = openLeftovers(journal, docker, (level, text) => log[level](text))
const leftBehind = await leftovers.replay()
void keepTrying()

const host = await watchHost(docker, settings, stop.signal, log)
try {
  const server = await registerAgent(settings.databaseUrl, version, host.status, leftBehind, stop.signal, log)
  log.info({ host: server.registration.host_name, epoch: server.registration.epoch }, 'registered')
  for (const { task_id } of leftBehind) await leftovers.reported(task_id)
  host.onStacks((stacks) => {
    void server.reportStacks(stacks).catch((error: unknown) => {
      if (!server.ended.aborted) log.error(`The stacks could not be reported: ${messageOf(error)}`)
    })
  })
  const tools = {
    docker,
    journal,
    leftovers,
    ledger: openLedger(settings.stateDir, settings.archivesDir),
    archivesDir: settings.archivesDir,
    downloadsDir: settings.downloadsDir,
    maxDeleteShare: settings.maxDeleteShare,
    trashMinDays: settings.trashMinDays,
    stateDir: settings.stateDir,
    hostName: server.registration.host_name,
    version,
  }
  await workUntilEnded(
    server,
    {
      run: (task, report, signal) => runTask(task, tools, report, signal),
      reported: (taskId) => leftovers.reported(taskId),
      statusIfChanged: () => host.statusIfChanged(),
    },
    log,
  )
  await server.close()
  if (server.ended.reason instanceof StaleEpoch) log.warn(`${server.ended.reason.message}; this one ends`)
  else if (!stop.signal.aborted) log.error(`The agent stops: ${messageOf(server.ended.reason)}`)
  process.exit(stop.signal.aborted ? 0 : 1)
} catch (error) {
  if (!stop.signal.aborted) log.fatal(`The agent cannot work: ${messageOf(error)}`)
  process.exit(stop.signal.aborted ? 0 : 1)
}

/** Containers that could not be started are tried again for as long as they are down. */
async function keepTrying(): Promise<void> {
  for (;;) {
    await sleep((await askDocker(docker)).reachable ? 15_000 : 3_000, undefined, { ref: false })
    await leftovers.tryAgain().catch((error: unknown) => log.error(messageOf(error)))
  }
}
