// The script in each backup that restores it without us: sh, tar, docker, and zstd or gzip are all it needs.
import type { ContainerInspectInfo } from 'dockerode'
import type { ArchiveStackPayload } from 'db/domain/task'
import type { AppendedFile } from '../archive/protocol.ts'
import { isAnonymous, isMounted, livesInMemory } from '../docker/coverage.ts'
import { nameOf } from '../docker/stop-stack.ts'
import type { ResolvedStack } from './resolve-stack.ts'
import type { StackSource } from './stack-sources.ts'

export function restoreScript(
  { stack: { name, path } }: ArchiveStackPayload,
  stack: ResolvedStack,
  at: Date,
): AppendedFile {
  const [directory, ...rest] = stack.sources
  const steps = [
    ...(directory ? [call('directory', directory.prefix, path)] : []),
    ...rest.map((source) => stepOf(source, stack.containers)),
  ]
  const content = script
    .replaceAll('@NAME@', () => oneLine(name))
    .replaceAll('@DATE@', at.toISOString())
    .replace('@STEPS@', () => steps.map((step) => `  ${step}`).join('\n'))
  return { name: '_archive/restore.sh', content, mode: 0o755 }
}

function stepOf({ volume, prefix, path }: StackSource, containers: ContainerInspectInfo[]): string {
  if (!volume) return call('elsewhere', prefix, path)
  if (isAnonymous(volume.Name)) return later(volume.Name, prefix, containers)
  const options = [
    ...Object.entries(volume.Options ?? {}).flatMap(([key, value]) => ['--opt', `${key}=${value}`]),
    ...Object.entries(volume.Labels ?? {}).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
  ]
  const kind = livesInMemory(volume) ? 'memory' : isMounted(volume) ? 'mounted' : 'plain'
  const create = call('volume', prefix, volume.Name, kind, '--driver', volume.Driver, ...options)
  return kind === 'memory' ? `${create}\n  ${later(volume.Name, prefix, containers)}` : create
}

/** What can be filled only once its containers are there. */
function later(name: string, prefix: string, containers: ContainerInspectInfo[]): string {
  for (const container of containers) {
    const mount = container.Mounts.find((mount) => mount.Name === name)
    if (mount) return call('later', prefix, `${nameOf(container)}:${mount.Destination}`)
  }
  return call('later', prefix, 'CONTAINER:PATH')
}

function call(step: string, ...words: string[]): string {
  return [step, ...words.map((word) => `'${word.replaceAll("'", "'\\''")}'`)].join(' ')
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]/g, ' ')
}

const script = `#!/bin/sh
# Restores the stack @NAME@ as it was backed up by Docker Archiver at @DATE@.
#   sh restore.sh BACKUP                  restores all, and refuses to overwrite anything
#   sh restore.sh BACKUP --to FOLDER      puts the stack's directory there
#   sh restore.sh BACKUP --force          overwrites; what is there and not in the backup stays
#   sh restore.sh BACKUP --dry-run        only says what it would do
#   sh restore.sh BACKUP --copy NAME CONTAINER:PATH   copies one part of the backup into a container
# BACKUP is the file (.tar.zst, .tar.gz, .tar) or the folder. Needs tar, docker, and zstd or gzip. Run it as root.
set -eu

backup='' to='' force='' dry='' copy='' target=''
while [ $# -gt 0 ]; do
  case $1 in
    --to) to=$2; shift ;;
    --force) force=yes ;;
    --dry-run) dry=yes ;;
    --copy) copy=$2; target=$3; shift 2 ;;
    *) backup=$1 ;;
  esac
  shift
done

say() { printf '%s\\n' "$*"; }
fail() { say "$*" >&2; exit 1; }
[ -n "$backup" ] || fail "usage: sh restore.sh BACKUP [--to FOLDER] [--force] [--dry-run]"
[ -e "$backup" ] || fail "There is no $backup"

# unpack NAME DEST STRIP: what is below NAME in the backup, without its first STRIP folders
unpack() {
  if [ -d "$backup" ]; then
    tar -C "$backup" -cf - -- "$1" | tar -C "$2" -xpf - --numeric-owner --strip-components="$3"
  else
    case $backup in
      *.zst) zstd -dcq -- "$backup" ;;
      *.gz) gzip -dc -- "$backup" ;;
      *) cat -- "$backup" ;;
    esac | tar -C "$2" -xpf - --numeric-owner --strip-components="$3" -- "$1"
  fi
}

# pour NAME CONTAINER:PATH: what is below NAME in the backup, by Docker
pour() {
  room=$(mktemp -d)
  unpack "$1" "$room" 0
  tar -C "$room/$1" -cf - . | docker cp - "$2"
  rm -rf "$room"
}

if [ -n "$copy" ]; then
  say "Copying $copy to $target"
  pour "$copy" "$target"
  exit
fi

filled() { [ -n "$(ls -A "$1" 2>/dev/null)" ]; }
problems=''
refuse() { problems="$problems
  $*"; }

# Each step is called twice: with pass=check, then with pass=do.
directory() {
  dest=\${to:-$2}
  if [ $pass = check ]; then
    say "The directory of the stack goes to $dest"
    if filled "$dest"; then refuse "$dest is there and not empty"; fi
    return
  fi
  mkdir -p "$dest"
  unpack "$1" "$dest" 1
}

elsewhere() {
  if [ $pass = check ]; then
    say "$2 is restored"
    if [ -f "$2" ] || filled "$2"; then refuse "$2 is there"; fi
    return
  fi
  unpack "$1" / 1
}

volume() {
  prefix=$1 name=$2 kind=$3
  shift 3
  if [ $pass = check ]; then
    say "The volume $name is made: docker volume create $* $name"
    if docker volume inspect "$name" >/dev/null 2>&1; then refuse "the volume $name is there"; fi
    return
  fi
  docker volume inspect "$name" >/dev/null 2>&1 || docker volume create "$@" "$name" >/dev/null
  place=$(docker volume inspect --format '{{.Mountpoint}}' "$name")
  case $kind in
    memory) ;;
    plain) if [ -w "$place" ]; then unpack "$prefix" "$place" 2; else through_docker "$prefix" "$name"; fi ;;
    mounted) through_docker "$prefix" "$name" ;;
  esac
}

# Docker mounts the volume while it copies into a container that is never started.
through_docker() {
  head -c 1024 /dev/zero | docker import - docker-archiver/empty:1 >/dev/null
  container=$(docker create --network none --volume "$2:/volume" docker-archiver/empty:1 none)
  pour "$1" "$container:/volume"
  docker rm "$container" >/dev/null
}

notes=''
later() {
  [ $pass = check ] || notes="$notes
  sh restore.sh $backup --copy '$1' '$2'"
}

steps() {
@STEPS@
}

pass=check
steps
[ -z "$problems" ] || [ -n "$force" ] || fail "Nothing was touched, because it would be overwritten (--force does it):$problems"
[ -z "$dry" ] || exit 0
pass=do
steps
say "Restored. To start it: cd '$dest' && docker compose up -d"
[ -z "$notes" ] || say "Once its containers are there, these volumes, which only they have, are filled by:$notes"
`
