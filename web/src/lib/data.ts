// The rows several pages share.
import * as api from './api.ts'
import { Live } from './live.svelte.ts'

export const hosts = new Live(api.hosts.list, ['hosts'])
export const stacks = new Live(api.stacks.list, ['stacks', 'archives', 'backups', 'jobs'])
export const archives = new Live(api.archives.list, ['archives', 'jobs'])
/** What the dashboard tells beyond lists: results by day, storage, the next run. */
export const dashboard = new Live(api.dashboard.get, ['jobs', 'archives', 'backups', 'settings'])
export const recentJobs = new Live(async () => (await api.jobs.list({ limit: 25 })).jobs, ['jobs'])

/** Jobs that run or wait, newest first. */
export const activeJobs = new Live(async () => {
  const [running, queued] = await Promise.all([
    api.jobs.list({ status: 'running', limit: 20 }),
    api.jobs.list({ status: 'queued', limit: 20 }),
  ])
  // one that began between the two answers is in both
  return [...running.jobs, ...queued.jobs.filter(({ id }) => !running.jobs.some((job) => job.id === id))]
}, ['jobs'])

export const settings = new Live(api.settings.get, ['settings'])
