// Archives, their editor, and what is started of them.
import type { ArchiveFormat, ArchiveMode } from 'db/domain/archive'
import { count, plural } from '../format.ts'

export const archive = {
  title: 'Archives',
  one: 'Archive',
  new: 'New archive',
  edit: 'Edit',
  editTitle: (name: string) => `Edit ${name}`,
  run: 'Run',
  runsAlready: 'A run of this archive has not finished yet.',
  lastRun: 'Last run',
  never: 'never',
  neverRun: 'Never run',
  now: 'Now',
  moreOf: (name: string) => `More for ${name}`,
  nextRun: 'Next run',
  onlyByHand: 'no schedule, only by hand',
  emptyTitle: 'No archive yet',
  empty: 'An archive says which stacks are backed up together, and how. Make the first one, then press Run.',
  emptyViewer: 'An archive says which stacks are backed up together. Ask an administrator to make one.',
  emptyNoStacks:
    'An archive says which stacks are backed up together. It needs a stack first; see under Stacks how one is found.',
  stacks: (n: number) => plural(n, 'stack'),
  allOf: (host: string) => `all stacks of ${host}`,
  allOfAnd: (host: string, more: number) => `all stacks of ${host} and ${plural(more, 'other')}`,
  aHost: 'a host',

  name: 'Name',
  nameHint: 'Its backups go to a folder of this name.',
  folderHint: (folder: string) => `Its backups are in the folder ${folder}, whatever its name.`,
  choose: 'Stacks',
  wholeHost: 'All stacks of a host, including new ones',
  wholeHostOf: (host: string) => `All stacks of ${host}, including new ones`,
  wholeHostHint: 'A stack that is found later is backed up with the next run, without a change here.',
  host: 'Host',
  today: (n: number) =>
    n === 0 ? 'Today that is no stack.' : `Today ${n === 1 ? 'that is' : 'those are'} ${plural(n, 'stack')}:`,
  ownLeftOut: (name: string) => `${name} is Docker Archiver itself and is left out.`,
  andThese: 'And these as well',
  search: 'Search stacks',
  selectAll: 'Select all',
  selectAllOf: (host: string) => `Select all stacks of ${host}`,
  chosen: (n: number, of: number) => `${count(n)} of ${count(of)} selected`,
  noStacks: 'No stack has been found yet. See the dashboard for what to do.',
  noMatch: (text: string) => `No stack matches “${text}”.`,
  how: 'How',
  mode: 'While its files are read',
  modes: {
    stop: {
      name: 'Stop',
      text: 'Containers are stopped, and started again right after. Files are at rest: the safest choice.',
    },
    pause: {
      name: 'Pause',
      text: 'Containers are frozen, and go on where they were. Connections survive; databases look as after a power cut.',
    },
    live: {
      name: 'Live',
      text: 'Containers keep running. No downtime, but files that change while they are read may not fit together.',
    },
  } satisfies Record<ArchiveMode, { name: string; text: string }>,
  volumes: 'Include volumes',
  volumesHint: 'Without them only the stack’s directory is backed up.',
  binds: 'Include folders outside the stack',
  bindsHint:
    'Folders and files elsewhere on the host that its containers mount. Can be large; the system’s own, such as /proc or the Docker socket, are never taken.',
  exclude: 'Leave out',
  excludeHint:
    'One pattern a line, as in a .gitignore: *.log, /cache/, !keep.log. They count from the stack’s directory, and from the top of each volume.',
  format: 'Format',
  formats: {
    'tar.zst': 'tar.zst – small and fast',
    'tar.gz': 'tar.gz – opens everywhere',
    tar: 'tar – not compressed',
    folder: 'Folder – files as they are',
  } satisfies Record<ArchiveFormat, string>,
  level: 'Compression level',
  levelHint: (format: ArchiveFormat) =>
    format === 'tar.gz' ? '1 is fastest, 9 smallest; more counts as 9.' : '1 is fastest, 19 smallest. 3 suits most.',
  maxDowntime: 'Longest downtime, in minutes',
  maxDowntimeHint: 'After this a stack is started again even if its backup is not done; the backup is given up.',
  maxDowntimeLive: 'Live backups have no downtime, so this does not matter now.',
  save: 'Save',
  create: 'Create archive',
  cancel: 'Cancel',
  saved: (name: string) => `Saved archive ${name}.`,
  created: (name: string) => `Created archive ${name}.`,
  notAllowed: 'Only an administrator may make archives.',
  editNotAllowed: 'Only an administrator may change archives.',
  errors: {
    name: 'Give the archive a name.',
    stacks: 'Choose at least one stack.',
    level: (min: number, max: number) => `Give a whole number from ${min} to ${max}.`,
    maxDowntime: 'Give a number of minutes, from 0.2 to 1440.',
    exclude: (line: number, why: string) => `Line ${line} ${why}.`,
    patternLength: (most: number) => `must have at most ${count(most)} characters`,
  },
  fixErrors: (n: number) => `${plural(n, 'field needs', 'fields need')} your attention.`,

  does: ({ when, mode, what, volumes, format, keeps, single }: Does) =>
    `${when} it ${doing[mode](what, single ? 'it' : 'them')} ${volumes ? 'with' : 'without'} named volumes ${
      format === 'folder' ? 'into a folder' : `as ${format}`
    }, and keeps backups of ${keeps}.`,
  byHand: 'When somebody presses Run,',
  whenIn: (schedule: string, zone: string) => (zone === '' ? schedule : `${schedule} (${zone} time)`),
  settings: 'Settings',
  maxDowntimeShort: 'Longest downtime',
  keeps: 'Keeps',
  keepsValue: (what: string, onePerDay: boolean) => `${what}, ${onePerDay ? 'one of each day' : 'all of each day'}`,
  nothingExcluded: 'nothing',
  yes: 'yes',
  no: 'no',
  levelValue: (format: string, level: number) => `${format}, level ${level}`,
  schedule: 'Schedule',
  catchUp: 'May be late by',
  folder: 'Folder',
  missed: 'Missed runs',
  missedText: 'The last times it was due and did not run.',
  backups: 'Backups',
  backupsSum: (n: number, size: string) => (n === 0 ? 'none yet' : `${plural(n, 'backup')}, ${size}`),
  history: 'Jobs of this archive',
  allJobs: 'All its jobs',
  allBackups: 'All its backups',

  dryRun: 'Dry run…',
  dryRunTitle: (name: string) => `Dry run of ${name}`,
  dryRunText: 'Writes into a log what a run would do. Nothing is stopped, written or deleted.',
  dryRunParts: {
    stop_containers: { name: 'Stop containers', text: 'Which containers would be stopped and started.' },
    create_archive: { name: 'Make backups', text: 'What would be read, and where it would go.' },
    run_retention: { name: 'Run retention', text: 'Which backups would be removed, and why.' },
  },
  dryRunNothing: 'Choose at least one.',
  dryRunStart: 'Start dry run',
  close: 'Close',

  delete: 'Delete archive',
  deleteTitle: (name: string) => `Delete archive ${name}?`,
  deleteText: 'The configuration goes. The history of its jobs stays.',
  deleteBackups: 'Its backups',
  deleteKeep: (n: number, size: string) => `Keep its ${plural(n, 'backup')} (${size})`,
  deleteKeepText: 'They stay where they are, and no rule removes them.',
  deleteTrash: (n: number, size: string) => `Move its ${plural(n, 'backup')} (${size}) to the trash`,
  deleteTrashText: 'They can be taken back until the trash is emptied. Pinned ones stay.',
  deleteNone: 'It has no backups.',
  typeName: (name: string) => `Type ${name} to confirm`,
  typeNameError: (name: string) => `Type the name as it is: ${name}`,
  deleteConfirm: (name: string) => `Delete ${name}`,
  deleted: (name: string) => `Deleted archive ${name}. Its backups stay.`,
  deletedTrash: (name: string) => `Deleted archive ${name}. Its backups are moved to the trash.`,
  keep: 'Keep it',
}

interface Does {
  when: string
  mode: ArchiveMode
  what: string
  /** It is one stack. */
  single: boolean
  volumes: boolean
  format: ArchiveFormat
  keeps: string
}

const doing: Record<ArchiveMode, (what: string, them: string) => string> = {
  stop: (what, them) => `stops ${what}, packs ${them}`,
  pause: (what, them) => `pauses ${what}, packs ${them}`,
  live: (what, them) => `packs ${what} while ${them === 'it' ? 'it runs' : 'they run'},`,
}
