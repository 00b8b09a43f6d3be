// The server as a process: reads the environment, runs until it is told to stop.
import { messageOf } from 'db/domain/errors'
import { pino } from 'pino'
import { BadConfig, readConfig } from './config.ts'
import { startServer } from './server.ts'

const config = configOrExit()
const log = pino({ name: 'server', level: config.logLevel, base: { name: 'server' } })
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())

try {
  const server = await startServer(config, log, stop.signal)
  log.info({ url: server.url }, 'listening')
  await new Promise<void>((resolve) => {
    if (stop.signal.aborted) resolve()
    stop.signal.addEventListener('abort', () => resolve())
  })
  log.info('stopping')
  // whatever hangs then holds nothing that is not safe in the database
  setTimeout(() => process.exit(0), 4500).unref()
  await server.stop()
} catch (error) {
  if (!stop.signal.aborted) {
    log.fatal({ error: messageOf(error) }, 'the server cannot start')
    process.exitCode = 1
  }
}
process.exit()

function configOrExit() {
  try {
    return readConfig(process.env)
  } catch (error) {
    if (!(error instanceof BadConfig)) throw error
    console.error(['The settings need attention:', ...error.problems.map((text) => `  - ${text}`)].join('\n'))
    process.exit(1)
  }
}
