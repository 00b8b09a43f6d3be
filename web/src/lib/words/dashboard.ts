// The dashboard, and the answer to “am I safe?”.
import { count, plural } from '../format.ts'

export const safety = {
  label: 'Am I safe?',
  noHost: 'No host is connected yet, so nothing is backed up.',
  noStack: 'No stack has been found yet, so nothing is backed up.',
  today: (n: number) =>
    n === 1
      ? 'The one stack found was backed up in the last 24 h'
      : `All ${count(n)} stacks were backed up in the last 24 h`,
  scheduled: (n: number) =>
    n === 1
      ? 'The one stack found is backed up by its schedule'
      : `All ${count(n)} stacks are backed up by their schedules`,
  allGood: (n: number) =>
    n === 1 ? 'The one stack found has a good backup' : `All ${count(n)} stacks have a good backup`,
  but: ', but',
  also: 'Also:',
  times: (made: string, verified: string) =>
    `The oldest of these backups was made ${made}; the one verified longest ago was read back ${verified}.`,
  timesOfOne: (made: string, verified: string) => `It was made ${made}, and last read back ${verified}.`,
  unscheduled: (n: number, of: number) =>
    of === 1
      ? 'No schedule makes a new one.'
      : `No schedule makes new backups of ${n === of ? 'any of them' : `${count(n)} of them`}.`,
  maintenance: 'Maintenance mode is on: schedules wait until it is off.',
  attention: (n: number, of: number) =>
    of === 1
      ? 'The one stack found needs attention'
      : `${count(n)} of ${count(of)} stacks ${n === 1 ? 'needs' : 'need'} attention`,
  andMore: (n: number) => `and ${count(n)} more`,
  gone: 'its directory has vanished',
  notInArchive: 'not in any archive',
  noBackup: 'no backup yet',
  onlyIncomplete: 'its only backup is incomplete',
  failedNoBackup: 'no good backup: its last run failed',
  lastFailed: 'its last run failed',
  lastCancelled: 'its last run was cancelled',
  incomplete: 'its newest backup is incomplete',
  corrupt: 'its newest backup is corrupt',
  missed: (ago: string) => `the run due ${ago} was missed`,
  overdue: (ago: string) => `the run due ${ago} has not started`,
  stale: (ago: string) => `last backed up ${ago}, and no schedule makes a new backup`,
  archive: (name: string) => `archive ${name}`,
  host: (name: string) => `host ${name}`,
  hostNever: 'its agent has never connected',
  hostOffline: (ago: string) => `its agent was last heard of ${ago}`,
  hostDocker: 'Docker cannot be reached there',
  corruptBackups: (n: number) => (n === 1 ? 'a backup' : `${count(n)} backups`),
  corruptWhy: (n: number) => (n === 1 ? 'it is corrupt' : 'they are corrupt'),
}

export const days = {
  results: {
    failed: 'failed',
    missed: 'missed',
    warning: 'with warnings',
    cancelled: 'cancelled',
    success: 'succeeded',
    running: 'running',
  },
  none: 'nothing was due',
  legend: {
    failed: 'Failed',
    missed: 'Missed',
    warning: 'With warnings',
    cancelled: 'Cancelled',
    success: 'Succeeded',
    running: 'Running',
    none: 'Nothing due',
  },
  strip: (archive: string, n: number) => `Last ${n} days of ${archive}`,
  summary: (n: number, text: string) => `${n} days: ${text}`,
  on: (day: string, text: string) => `${day}: ${text}`,
  open: 'Jobs of this day',
}

export const dashboard = {
  page: 'Dashboard',
  recentJobs: 'Recent jobs',
  allJobs: 'All jobs',
  figures: 'Figures',
  archives: 'Archives',
  scheduled: (n: number) => `${count(n)} with a schedule`,
  storage: 'Storage',
  backups: (n: number) => plural(n, 'backup'),
  inTrash: (bytes: string) => `${bytes} of it in the trash`,
  last24: 'Last 24 h',
  jobs: (n: number) => plural(n, 'job'),
  noJobs: 'No job',
  nextRun: 'Next run',
  noNextRun: 'None',
  noSchedule: 'No archive has a schedule that is on.',
  runIn: (time: string) => `in ${time}`,
  due: 'due now',
  waits: 'waits: maintenance mode is on',
  attention: 'Needs attention',
  allAttention: 'All that need attention',
  allStacks: 'All stacks',
  disks: 'Disks of the archives folders',
  allArchives: (n: number) => `All ${count(n)} archives`,
  calendar: 'The last 12 months',
  calendarHint: 'A day shows the worst that happened on it. Choose one to list its jobs.',
  calendarNone: 'No job in the last 12 months.',
  storageOverTime: 'Storage over time',
  storageNow: 'Now',
  storageEmpty: 'Grows with the first backup.',
  others: 'All others',
  lostStack: 'A stack that is gone',
  storageTable: 'As a table',
  storageCaption: 'Storage by stack',
  total: 'In all',
  chartLabel: (from: string, to: string, before: string, now: string) =>
    `Storage by stack from ${from} to ${to}: ${before} then, ${now} now. The table below has the numbers.`,
}
