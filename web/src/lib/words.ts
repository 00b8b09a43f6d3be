// Every text the pages show, by what it is about. Functions where a text has parts.
import { archive } from './words/archive.ts'
import { backup } from './words/backup.ts'
import { dashboard, days, safety } from './words/dashboard.ts'
import { download } from './words/download.ts'
import { login, setup } from './words/gates.ts'
import { host } from './words/host.ts'
import { activity, job, log } from './words/job.ts'
import { palette } from './words/palette.ts'
import { audit, profile, sessions, tokens, users } from './words/people.ts'
import { form, maintenance, settings } from './words/settings.ts'
import { connection, filters, nav, problem } from './words/shell.ts'
import { retention } from './words/retention.ts'
import { schedule } from './words/schedule.ts'
import { stack } from './words/stack.ts'

export const words = {
  product: 'Docker Archiver',
  title: (page: string) => `${page} · Docker Archiver`,
  loading: 'Loading…',
  more: 'Show more',
  none: '–',
  roles: { viewer: 'viewer', operator: 'operator', admin: 'administrator' },

  nav,
  palette,
  connection,
  filters,
  problem,
  setup,
  login,
  safety,
  dashboard,
  days,
  host,
  stack,
  archive,
  schedule,
  retention,
  job,
  activity,
  log,
  backup,
  download,
  form,
  maintenance,
  settings,
  users,
  sessions,
  tokens,
  profile,
  audit,
} as const
