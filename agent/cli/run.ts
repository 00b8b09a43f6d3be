// Finds out what is asked, and has it done. Exit codes: 0 done, 1 the archive is damaged or something could not be done, 2 called in a
// wrong way.
import { helpOf, isCommand, WrongUse } from './usage.ts'

export async function run([command = '', ...rest]: string[]): Promise<number> {
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
      return (await import('./pack.ts')).pack(args)
    case 'verify':
      return (await import('./verify.ts')).verify(args)
    case 'list':
      return (await import('./list.ts')).list(args)
    case 'unpack':
      return (await import('./unpack.ts')).unpack(args)
  }
}

function help(command: string | undefined, isMistake = false): number {
  const out = isMistake ? process.stderr : process.stdout
  out.write(helpOf(command))
  return isMistake ? 2 : 0
}
