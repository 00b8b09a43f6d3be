// Which jobs the history shows, as it stands in its address.
import { jobStatuses, jobTriggers, jobTypes } from 'db/domain/job'
import { beginOf } from './day-begin.ts'

/** What no filter can be is left out: an address may be typed by hand. */
export function filterFrom(parameters: Pick<URLSearchParams, 'get'>, timeZone: string) {
  const given = (name: string) => parameters.get(name) ?? ''
  const id = (name: string) => (/^[1-9][0-9]{0,8}$/.test(given(name)) ? Number(given(name)) : undefined)
  const dryRun = given('dry_run')
  return {
    archive_id: id('archive'),
    stack_id: id('stack'),
    host_id: id('host'),
    type: jobTypes.find((type) => type === given('type')),
    status: jobStatuses.find((status) => status === given('status')),
    triggered_by: jobTriggers.find((trigger) => trigger === given('trigger')),
    is_dry_run: dryRun === 'true' ? true : dryRun === 'false' ? false : undefined,
    from: beginOf(given('from'), timeZone),
    to: beginOf(given('to'), timeZone, 1),
    search: given('search').trim().slice(0, 200) || undefined,
  }
}

export type JobFilter = ReturnType<typeof filterFrom>
