// The rows several pages share.
import * as api from './api.ts'
import { Live } from './live.svelte.ts'

export const hosts = new Live(api.hosts.list, ['hosts'])
export const stacks = new Live(api.stacks.list, ['stacks', 'archives', 'backups'])
export const archives = new Live(api.archives.list, ['archives', 'jobs'])
export const recentJobs = new Live(async () => (await api.jobs.list({ limit: 25 })).jobs, ['jobs'])

/** Jobs that run or wait, newest first. */
export const activeJobs = new Live(async () => {
  const [running, queued] = await Promise.all([
    api.jobs.list({ status: 'running', limit: 20 }),
    api.jobs.list({ status: 'queued', limit: 20 }),
  ])
  return [...running.jobs, ...queued.jobs]
}, ['jobs'])
