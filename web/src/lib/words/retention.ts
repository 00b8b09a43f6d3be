// How long backups are kept.
import { count, plural } from '../format.ts'

export const retention = {
  title: 'How long backups are kept',
  intro:
    'Each number keeps the newest backup of so many of the last days, weeks, … that have one. The newest good backup and pinned ones always stay.',
  days: 'Days',
  weeks: 'Weeks',
  months: 'Months',
  years: 'Years',
  onePerDay: 'Only the newest of each day',
  onePerDayHint: 'Otherwise every backup of the kept days stays.',
  errors: {
    number: (most: number) => `Give a whole number from 0 to ${count(most)}.`,
    nothing: 'Give at least one number of 1 or more, or all backups but the newest would go.',
  },
  keeps: (days: number, weeks: number, months: number, years: number) =>
    new Intl.ListFormat('en-GB').format(
      [
        days > 0 && plural(days, 'day'),
        weeks > 0 && plural(weeks, 'week'),
        months > 0 && plural(months, 'month'),
        years > 0 && plural(years, 'year'),
      ].filter((part) => part !== false),
    ),
  preview: 'What this keeps',
  imagined: (each: string, span: string) => `No backup yet, so this is imagined: one backup ${each}, for ${span}.`,
  eachRun: (hours: number) =>
    hours >= 700
      ? 'a month'
      : hours >= 168
        ? 'a week'
        : hours === 24
          ? 'a day'
          : hours > 24
            ? `every ${Math.round(hours / 24)} days`
            : hours === 1
              ? 'an hour'
              : `every ${hours} hours`,
  span: (days: number) =>
    days >= 700
      ? plural(Math.round(days / 365.25), 'year')
      : days >= 60
        ? `${Math.round(days / 30.44)} months`
        : plural(days, 'day'),
  noBackups: 'This archive has no backup yet.',
  keep: (n: number) => `${plural(n, 'backup')} ${n === 1 ? 'stays' : 'stay'}`,
  keepSized: (n: number, size: string) => `${plural(n, 'backup')} ${n === 1 ? 'stays' : 'stay'} (${size})`,
  goNow: (n: number, size: string) =>
    n === 0 ? 'nothing goes now' : `${count(n)} ${n === 1 ? 'goes' : 'go'} now (${size})`,
  goLater: (n: number) => `${count(n)} ${n === 1 ? 'goes' : 'go'} later`,
  gone: (n: number) => `${count(n)} would be gone`,
  waits: (why: string) => `Retention waits: ${why}.`,
  laterWhy: 'At most half of a stack’s backups go with one job.',
  timeline: (stack: string) => `Timeline of ${stack}`,
  stays: 'stays',
  goesNow: 'goes now',
  goesLater: 'goes later',
  pinned: 'pinned',
  today: 'now',
  ago: {
    day: '1 d',
    week: '1 w',
    month: '1 mo',
    quarter: '3 mo',
    half: '6 mo',
    year: '1 y',
    two: '2 y',
    five: '5 y',
    ten: '10 y',
  },
  listHead: { made: 'Made', stays: 'Stays?', why: 'Why', size: 'Size' },
  more: (n: number) => `and ${count(n)} more`,
  list: (n: number) => `One by one: ${plural(n, 'backup')}`,
  onlyKept: (n: number) => `One by one: the ${plural(n, 'backup')} that ${n === 1 ? 'stays' : 'stay'}`,
  run: 'Run retention…',
  runTitle: (name: string) => `Run retention of ${name}`,
  runIntro: 'By the saved numbers. Nothing has been removed yet; this is what would go.',
  runNothing: 'Nothing would go: every backup is kept by a rule.',
  runNothingNow: 'Nothing would go now.',
  runConfirm: (n: number, size: string) => `Delete ${plural(n, 'backup')} (${size})`,
  runText: 'They are deleted for good, one host at a time; the job’s log names each.',
  close: 'Close',
  cancel: 'Delete nothing',
}
