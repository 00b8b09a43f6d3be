// What the commands take, as `--help` tells it.
import { parseArgs, type ParseArgsConfig } from 'node:util'

export const commands = ['pack', 'list', 'verify', 'unpack'] as const
export type Command = (typeof commands)[number]

export function isCommand(word: string): word is Command {
  return (commands as readonly string[]).includes(word)
}

/** Called in a wrong way: exit code 2. */
export class WrongUse extends Error {
  override name = 'WrongUse'
}

const about = `docker-archiver: makes, reads and checks backups that any tar can read.

  docker-archiver pack   [options] SOURCE OUT     makes a backup of the folder SOURCE
  docker-archiver list   [options] FILE           shows what is in a backup
  docker-archiver verify [options] FILE           reads all of a backup back
  docker-archiver unpack [options] FILE DEST      brings a backup, or a part of it, back as files

FILE is a .tar.zst, .tar.gz, .tar or a folder backup, with or without its index (FILE.index).
Exit codes: 0 done; 1 the backup is damaged, or not all could be done; 2 called in a wrong way.
"docker-archiver COMMAND --help" tells more.
`

const details: Record<Command, string> = {
  pack: `docker-archiver pack [options] SOURCE OUT

Packs the folder SOURCE, under its own name, into the new file OUT, with an index OUT.index beside it. OUT has its name only
once it is complete and flushed to the disk.

  --format F       tar.zst, tar.gz, tar or folder; otherwise the name OUT tells, and tar.zst if it does not
  --level N        1 to 19 as for zstd, 3 if not given; gzip takes what is above 9 for 9
  --previous FILE  a backup of the same folder: what has not changed since is taken from there, unread
  --force          replaces an OUT that is there
  --json           one JSON object a line: notes and warnings, then the result
  --help

Exit code 1, with OUT in its place, when something in SOURCE could not be read or changed meanwhile.
`,
  list: `docker-archiver list [options] FILE

Shows the entries of a backup, from its index if it has one, like "tar -tv".

  --json           one JSON object a line and entry: type (file, directory, symlink, hardlink, fifo, character, block), name,
                   mode, uid, gid, size (bytes), mtime (ns since 1970, as text), target; a name that is no UTF-8 is
                   {"bytes": base64}
  --help
`,
  verify: `docker-archiver verify [options] FILE

Reads every byte of a backup back: its frames by their hashes in the index, the checksums of its format, every header.

  --rebuild        makes an index that is missing or damaged anew, if the backup is whole and of frames
  --json           the result as a JSON object
  --help
`,
  unpack: `docker-archiver unpack [options] FILE DEST
       docker-archiver unpack --path P FILE -

Unpacks a backup into the folder DEST, which is made if it is not there. Nothing is written outside of it whatever the backup
holds; what would be is refused, told, and the rest unpacked.

  --path P         only P and what is below it, by its name in the backup; may be given several times
  --overwrite      replaces files that are there
  --json           one JSON object a line: what could not be done, then the result
  --help

With - for DEST, the content of the one file P is written to the standard output.
`,
}

export function helpOf(command: string | undefined): string {
  return command !== undefined && isCommand(command) ? details[command] : about
}

/** Throws WrongUse unless exactly as many paths are given as there are `names`. */
export function parse<Options extends NonNullable<ParseArgsConfig['options']>>(
  args: string[],
  options: Options,
  ...names: string[]
) {
  const parsed = (() => {
    try {
      return parseArgs({
        args,
        options: { ...options, json: { type: 'boolean' } },
        allowPositionals: true,
        strict: true,
      })
    } catch (error) {
      throw new WrongUse((error as Error).message)
    }
  })()
  const { values, positionals } = parsed
  if (positionals.length !== names.length || positionals.includes(''))
    throw new WrongUse(`${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} needed, and nothing else`)
  return { values, paths: positionals }
}
