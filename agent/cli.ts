#!/usr/bin/env node
// The archive engine as a command, without a database: docker-archiver pack | list | verify | unpack.
// Exit codes: 0 done, 1 the archive is damaged or something could not be done, 2 called in a wrong way.
import { helpOf, isCommand, WrongUse } from './cli/usage.ts'

/** npm runs scripts in the checkout; paths are meant from where its user is. */
const { npm_lifecycle_event: script, INIT_CWD: userFolder } = process.env
if (script === 'docker-archiver' && userFolder !== undefined) process.chdir(userFolder)

process.exitCode = await run(process.argv.slice(2))

async function run([command = '', ...rest]: string[]): Promise<number> {
  if (['', '--help', '-h', 'help'].includes(command))
    return help(isCommand(rest[0] ?? '') ? rest[0] : undefined, command === '')
  try {
    if (!isCommand(command)) throw new WrongUse(`there is no command "${command}"`)
    if (rest.includes('--help') || rest.includes('-h')) return help(command)
    return await perform(command, rest)
  } catch (error) {
    if (error instanceof WrongUse) {
      const see = isCommand(command) ? `docker-archiver ${command} --help` : 'docker-archiver --help'
      process.stderr.write(`docker-archiver: ${error.message}; see ${see}\n`)
      return 2
    }
    const isFailure = error instanceof Error && 'code' in error
    const text = isFailure ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)
    process.stderr.write(`docker-archiver: ${text}\n`)
    return 1
  }
}

/** Each loads no more than it needs: to start takes longer than to read one file out of a backup. */
async function perform(command: 'pack' | 'list' | 'verify' | 'unpack', args: string[]): Promise<number> {
  switch (command) {
    case 'pack':
      return (await import('./cli/pack.ts')).pack(args)
    case 'verify':
      return (await import('./cli/verify.ts')).verify(args)
    case 'list':
      return (await import('./cli/list.ts')).list(args)
    case 'unpack':
      return (await import('./cli/unpack.ts')).unpack(args)
  }
}

function help(command: string | undefined, isMistake = false): number {
  const out = isMistake ? process.stderr : process.stdout
  out.write(helpOf(command))
  return isMistake ? 2 : 0
}
