import type { CareOutcome } from 'db/domain/task'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { good, startTestAgent } from '../testing/agent.ts'
import { eventually } from '../testing/eventually.ts'
import { expectProblem } from '../testing/problems.ts'
import { startTestServer, type Actor, type TestServer } from '../testing/server.ts'

let server: TestServer
let agent: Awaited<ReturnType<typeof startTestAgent>>
let stacks: { id: number; name: string }[] = []

beforeAll(async () => {
  server = await startTestServer(inject('serverUrl'))
  agent = await startTestAgent(server.database, ['shop', 'wiki', 'blog', 'mail'])
  stacks = (await server.ask('admin', 'GET', '/api/stacks')).body.stacks
})

afterAll(async () => {
  await agent.stop()
  await server.stop()
})

let made = 0
async function makeBackup(stack: string, archiveId: number | null = null): Promise<number> {
  const path = `nightly/${stack}/20261101_${String(++made).padStart(6, '0')}_${stack}.tar.zst`
  const [row] = await server.database.sql<[{ id: number }]>`
    insert into archiver.backups (host_id, stack_id, archive_id, archive_name, stack_name, path, format, state, size_bytes,
      file_count, sha256, created_at, verified_at)
    values (${agent.host.id}, ${stacks.find(({ name }) => name === stack)?.id ?? null}, ${archiveId}, 'nightly', ${stack},
      ${path}, 'tar.zst', 'good', 1000, 12, ${'0'.repeat(64)}, now(), now())
    returning id`
  return row.id
}

const ask = (actor: Actor, method: string, path: string, body?: unknown) => server.ask(actor, method, path, body)
const get = async (id: number) => (await ask('viewer', 'GET', `/api/backups/${id}`)).body.backup
const idsOf = async (query: string) =>
  (await ask('viewer', 'GET', `/api/backups?${query}`)).body.backups.map(({ id }: { id: number }) => id)

/** Does the next task the way an agent would that answers this of each backup. */
async function answer(kind: string, of: (id: number) => Partial<CareOutcome['backups'][number]>) {
  const task = await agent.claim()
  if (task?.kind !== kind) throw new Error(`There is ${task?.kind ?? 'no task'} instead of ${kind}`)
  const backups = (task.payload as { backups: { id: number }[] }).backups.map(({ id }) => ({
    id,
    did: 'kept' as const,
    reason: '',
    bytes: 0,
    ...of(id),
  }))
  const isBad = backups.some(({ did }) => (did as string) === 'corrupt' || (did as string) === 'missing')
  await agent.finish(task, { status: isBad ? 'failed' : 'success', reason: isBad ? 'wrong' : '', backups })
  return task
}

const ended = (jobId: number) =>
  eventually(async () => (await ask('viewer', 'GET', `/api/jobs/${jobId}`)).body.job.status)

test('backups are found by stack, state and whether they are in the trash', async () => {
  const [first, second] = [await makeBackup('shop'), await makeBackup('shop')]
  const { stack_id } = await get(first)
  expect(await idsOf(`stack_id=${stack_id}`)).toEqual([second, first])
  expect(await idsOf(`stack_id=${stack_id}&limit=1&cursor=${second}`)).toEqual([first])
  expect(await idsOf(`host_id=${agent.host.id}&state=good&stack_id=${stack_id}`)).toEqual([second, first])
  expect(await idsOf('state=corrupt')).toEqual([])
  expect(await idsOf('trashed=true')).toEqual([])
  expectProblem(await ask('viewer', 'GET', '/api/backups?state=fine'), 422, /state: must be one of good/)
  expectProblem(await ask('viewer', 'GET', '/api/backups?trashed=maybe'), 422, /trashed: must be true or false/)
  expectProblem(await ask('viewer', 'GET', '/api/backups/999999'), 404, /no backup with id 999999/)
})

test('a deleted backup goes to the trash and comes back; a pinned one does not go', async () => {
  const [older, newer] = [await makeBackup('wiki'), await makeBackup('wiki')]
  expect(await get(newer)).toMatchObject({ last_good: false, pinned: false, trashed_at: null })

  expectProblem(await ask('operator', 'DELETE', `/api/backups/${newer}`), 403)
  expectProblem(await ask('viewer', 'POST', `/api/backups/${newer}/pin`, { pinned: true }), 403)
  expect((await ask('operator', 'POST', `/api/backups/${newer}/pin`, { pinned: true })).body.backup.pinned).toBe(true)
  expectProblem(await ask('admin', 'DELETE', `/api/backups/${newer}`), 409, /pinned\. Unpin it first/)
  await ask('operator', 'POST', `/api/backups/${newer}/pin`, { pinned: false })

  const deletion = await ask('admin', 'DELETE', `/api/backups/${newer}`)
  expect(deletion).toMatchObject({ status: 202, body: { last_good: false, detail: /^It goes to the trash/ } })
  expectProblem(await ask('admin', 'DELETE', `/api/backups/${newer}`), 409, /is moving backup/)
  expectProblem(await ask('operator', 'POST', `/api/backups/${newer}/pin`, { pinned: true }), 409, /is moving backup/)
  const task = await answer('trash_backups', (id) => ({ did: 'trashed', trash_path: `.trash/${id}_x.tar.zst` }))
  expect(task.payload).toMatchObject({ backups: [{ id: newer, format: 'tar.zst', size_bytes: 1000 }] })
  await ended(deletion.body.job_id).toBe('success')
  expect(await get(newer)).toMatchObject({ state: 'good', trashed_at: expect.any(String), last_good: false })
  expect(await get(older)).toMatchObject({ last_good: true })
  expect(await idsOf('')).not.toContain(newer)
  expect(await idsOf('trashed=true')).toEqual([newer])
  for (const [method, path] of [
    ['POST', 'verify'],
    ['POST', 'acknowledge'],
  ] as const)
    expectProblem(await ask('admin', method, `/api/backups/${newer}/${path}`), 409, /in the trash/)

  const undelete = await ask('admin', 'POST', `/api/backups/${newer}/undelete`)
  expect(undelete.status).toBe(202)
  const back = await answer('untrash_backups', () => ({ did: 'restored' }))
  expect(back.payload).toMatchObject({ backups: [{ id: newer, trash_path: `.trash/${newer}_x.tar.zst` }] })
  await ended(undelete.body.job_id).toBe('success')
  expect(await get(newer)).toMatchObject({ trashed_at: null })
  expectProblem(await ask('admin', 'POST', `/api/backups/${newer}/undelete`), 409, /not in the trash/)
})

test('deleting the last good backup of a stack says so', async () => {
  const id = await makeBackup('blog')
  const { body } = await ask('admin', 'DELETE', `/api/backups/${id}`)
  expect(body).toMatchObject({ last_good: true, detail: /^This is the last good backup of stack blog\./ })
  await answer('trash_backups', (id) => ({ did: 'trashed', trash_path: `.trash/${id}_b` }))
  await ended(body.job_id).toBe('success')
})

test('a backup found corrupt is marked until it is read right again', async () => {
  const id = await makeBackup('mail')
  const first = await ask('operator', 'POST', `/api/backups/${id}/verify`)
  await answer('verify_backups', () => ({ did: 'corrupt', reason: 'a frame is damaged' }))
  await ended(first.body.job_id).toBe('failed')
  expect(await get(id)).toMatchObject({ state: 'corrupt', verify_error: 'a frame is damaged', last_good: false })
  expect(
    (await ask('viewer', 'GET', '/api/stacks')).body.stacks.find((stack: any) => stack.name === 'mail').last_backup,
  ).toBe(null)

  const again = await ask('operator', 'POST', `/api/backups/${id}/verify`)
  await answer('verify_backups', () => ({ did: 'verified' }))
  await ended(again.body.job_id).toBe('success')
  expect(await get(id)).toMatchObject({ state: 'good', verify_error: '', last_good: true })
})

test('a job that reads backups back says how much of them it has read, and is one of its host', async () => {
  const ids = [await makeBackup('mail'), await makeBackup('mail'), await makeBackup('mail')]
  const { job_id } = (await ask('operator', 'POST', '/api/backups/verify', { ids })).body
  const progress = async () => (await ask('viewer', 'GET', `/api/jobs/${job_id}`)).body.progress
  expect(await progress()).toEqual({ bytes: 0, total_bytes: 3000 })
  const task = await agent.claim()
  if (task?.kind !== 'verify_backups') throw new Error('there is nothing to read back')
  await agent.progress(task, { files: 1, bytes: 400 })
  expect(await progress()).toEqual({ bytes: 1400, total_bytes: 3000 })
  // what is unpacked is more than the file
  await agent.progress(task, { files: 2, bytes: 99_999 })
  expect(await progress()).toEqual({ bytes: 3000, total_bytes: 3000 })
  const backups = ids.map((id) => ({ id, did: 'verified' as const, reason: '', bytes: 0 }))
  await agent.finish(task, { status: 'success', reason: '', backups })
  await ended(job_id).toBe('success')
  expect(await progress()).toBeNull()
  const jobsOf = async (host: number) =>
    (await ask('viewer', 'GET', `/api/jobs?host_id=${host}`)).body.jobs.map(({ id }: { id: number }) => id)
  expect((await jobsOf(agent.host.id))[0]).toBe(job_id)
  expect(await jobsOf(agent.host.id + 999)).toEqual([])
})

test('a backup that is not there is corrupt; deleted by a person, it is gone', async () => {
  const id = await makeBackup('mail')
  await ask('admin', 'DELETE', `/api/backups/${id}`)
  await answer('trash_backups', () => ({ did: 'missing' }))
  expect(await get(id)).toMatchObject({ state: 'corrupt', verify_error: 'the file is not there' })
  await ask('admin', 'DELETE', `/api/backups/${id}`)
  await answer('trash_backups', () => ({ did: 'missing' }))
  expect(await get(id)).toMatchObject({ state: 'deleted', delete_reason: 'the file was not there' })
  expect(await idsOf('state=deleted')).toContain(id)
  expectProblem(await ask('admin', 'POST', `/api/backups/${id}/undelete`), 409, /deleted for good/)
})

test('a smaller backup is acknowledged once', async () => {
  const id = await makeBackup('shop')
  const { body } = await ask('operator', 'POST', `/api/backups/${id}/acknowledge`)
  expect(body.backup.acknowledged_at).toEqual(expect.any(String))
  const again = await ask('operator', 'POST', `/api/backups/${id}/acknowledge`)
  expect(again.body.backup.acknowledged_at).toBe(body.backup.acknowledged_at)
})

test('a backup trashed after retention chose it is not gone', async () => {
  const id = await makeBackup('shop')
  await ask('admin', 'DELETE', `/api/backups/${id}`)
  await answer('trash_backups', (id) => ({ did: 'trashed', trash_path: `.trash/${id}_s` }))
  const [job] = await server.database.sql<[{ id: number }]>`
    select archiver.start_job('verify', null, '', 'manual', false, '{}') as id`
  await server.database.sql`
    select archiver.add_task(${job.id}, null, ${agent.host.id}, 'delete_backups', ${JSON.stringify({ backups: [{ id }], reason: '' })}::text::jsonb)`
  await answer('delete_backups', () => ({ did: 'deleted', reason: 'the file was not there any more' }))
  expect(await get(id)).toMatchObject({ state: 'good', trashed_at: expect.any(String) })
})

test('deleting an archive leaves its backups, or takes all but pinned ones along', async () => {
  const stack_ids = stacks.filter(({ name }) => name === 'shop').map(({ id }) => id)
  const archives: number[] = []
  for (const name of ['kept', 'taken'])
    archives.push((await ask('admin', 'POST', '/api/archives', { name, stack_ids })).body.archive.id)
  const [kept = 0, taken = 0] = archives
  const ofKept = await makeBackup('shop', kept)
  const [first, pinned] = [await makeBackup('shop', taken), await makeBackup('shop', taken)]
  await ask('operator', 'POST', `/api/backups/${pinned}/pin`, { pinned: true })

  expectProblem(await ask('admin', 'DELETE', `/api/archives/${kept}?backups=burn`), 422, /keep or trash/)
  expect((await ask('admin', 'DELETE', `/api/archives/${kept}`)).status).toBe(204)
  expect(await get(ofKept)).toMatchObject({ archive_id: null, trashed_at: null })

  const deletion = await ask('admin', 'DELETE', `/api/archives/${taken}?backups=trash`)
  expect(deletion.status).toBe(202)
  const task = await answer('trash_backups', (id) => ({ did: 'trashed', trash_path: `.trash/${id}_t` }))
  expect((task.payload as { backups: { id: number }[] }).backups.map(({ id }) => id)).toEqual([first])
  await ended(deletion.body.job_id).toBe('success')
  expect(await get(pinned)).toMatchObject({ trashed_at: null, pinned: true })
  expect((await ask('viewer', 'GET', `/api/jobs/${deletion.body.job_id}/log`)).body).toContain('because it is pinned')

  const undelete = await ask('admin', 'POST', `/api/backups/${first}/undelete`)
  await answer('untrash_backups', () => ({ did: 'restored' }))
  await ended(undelete.body.job_id).toBe('success')
  expect(await get(first)).toMatchObject({ trashed_at: null, archive_id: null, archive_name: 'nightly' })
})

test('what is asked of a host whose agent is away ends at once, and says so', async () => {
  const { sql } = server.database
  await sql`update archiver.hosts set last_seen_at = now() - interval '6 minutes' where id = ${agent.host.id}`
  const id = await makeBackup('shop')
  const { body } = await ask('admin', 'DELETE', `/api/backups/${id}`)
  await ended(body.job_id).toBe('failed')
  expect((await ask('viewer', 'GET', `/api/jobs/${body.job_id}`)).body.job.reason).toMatch(
    /has not been seen since .*ask again/,
  )
  await sql`update archiver.hosts set last_seen_at = now() where id = ${agent.host.id}`
  expect(await get(id)).toMatchObject({ trashed_at: null })
})

test('backups are searched, counted and found by their pin', async () => {
  const ids = [await makeBackup('wiki'), await makeBackup('wiki'), await makeBackup('wiki')]
  const [first = 0, second = 0, third = 0] = ids
  await server.database
    .sql`update archiver.backups set archive_name = '100%_sure' where id in ${server.database.sql([first, second])}`
  expect(await idsOf(`search=${encodeURIComponent('100%_SURE')}`)).toEqual([second, first])
  expect(await idsOf(`search=${encodeURIComponent('100x_sure')}`)).toEqual([])
  await ask('operator', 'POST', '/api/backups/pin', { ids: [second, third], pinned: true })
  expect(await idsOf('pinned=true&search=sure')).toEqual([second])
  const totals = await ask('viewer', 'GET', `/api/backups/totals?search=${encodeURIComponent('100%')}`)
  expect(totals.body).toEqual({ count: 2, size_bytes: 2000 })
  await ask('operator', 'POST', '/api/backups/pin', { ids: [second, third], pinned: false })
})

test('several go to the trash and come back in one job each, all or none', async () => {
  const [first = 0, second = 0] = [await makeBackup('wiki'), await makeBackup('wiki')]
  expectProblem(await ask('admin', 'POST', '/api/backups/delete', { ids: [] }), 422, /names no backup/)
  await ask('operator', 'POST', '/api/backups/pin', { ids: [second], pinned: true })
  expectProblem(await ask('admin', 'POST', '/api/backups/delete', { ids: [first, second] }), 409, /is pinned/)
  expect((await ask('viewer', 'GET', `/api/backups/${first}/facts`)).body.facts.work).toBe(null)
  await ask('operator', 'POST', '/api/backups/pin', { ids: [second], pinned: false })

  const deletion = await ask('admin', 'POST', '/api/backups/delete', { ids: [second, first, first] })
  expect(deletion.status).toBe(202)
  expect((await ask('viewer', 'GET', `/api/backups/${first}/facts`)).body.facts.work).toMatchObject({
    job_id: deletion.body.job_id,
    kind: 'trash_backups',
    running: false,
  })
  const task = await answer('trash_backups', (id) => ({ did: 'trashed', trash_path: `.trash/${id}_w` }))
  expect((task.payload as { backups: { id: number }[] }).backups.map(({ id }) => id)).toEqual([first, second])
  await ended(deletion.body.job_id).toBe('success')
  const trashed = await get(first)
  expect(Date.parse(trashed.trash_until) - Date.parse(trashed.trashed_at)).toBeGreaterThanOrEqual(7 * 86_400_000)

  const undelete = await ask('admin', 'POST', '/api/backups/undelete', { ids: [first, second] })
  await answer('untrash_backups', () => ({ did: 'restored' }))
  await ended(undelete.body.job_id).toBe('success')
  expect(await get(first)).toMatchObject({ trashed_at: null, trash_until: null })
  const { history } = (await ask('viewer', 'GET', `/api/backups/${first}/facts`)).body.facts
  expect(history.map(({ did }: { did: string }) => did)).toEqual(['restored', 'trashed'])
})

test('the facts of a backup tell how it was made, why it stays and when it goes', async () => {
  const stack_ids = stacks.filter(({ name }) => name === 'blog').map(({ id }) => id)
  const schedule = { schedule_enabled: true, schedule_cron: '0 3 * * *', time_zone: 'UTC', exclude: ['cache/'] }
  const { archive } = (await ask('admin', 'POST', '/api/archives', { name: 'told', stack_ids, ...schedule })).body
  const { job_id } = (await ask('operator', 'POST', `/api/archives/${archive.id}/run`)).body
  const task = await agent.claim()
  if (!task?.job_id) throw new Error('no task')
  await agent.log(task, 'a/b: cannot be read')
  await server.database
    .sql`update archiver.log_lines set level = 'warn' where job_id = ${job_id} and text like '%cannot be read'`
  const packed = [{ path: '/srv/blog', prefix: 'blog' }]
  await agent.finish(task, { ...good, packed, not_covered: ['/mnt: outside the directory of the stack'] })
  await ended(job_id).toBe('success')
  const [made] = (await ask('viewer', 'GET', `/api/backups?job_id=${job_id}`)).body.backups
  const { facts } = (await ask('viewer', 'GET', `/api/backups/${made.id}/facts`)).body
  expect(facts).toMatchObject({
    retention: {
      keep: true,
      newest_good: true,
      scheduled: true,
      waits: '',
      goes_at: expect.any(String),
      places: expect.arrayContaining([{ rule: 'day', nth: 1, of: 7, oldest: false }]),
    },
    making: {
      mode: 'stop',
      directory: '/srv/blog',
      exclude: ['cache/'],
      packed,
      not_covered: ['/mnt: outside the directory of the stack'],
      downtime_seconds: 2.5,
      notes: ['a/b: cannot be read'],
      notes_count: 1,
    },
    work: null,
    history: [],
  })
  expectProblem(await ask('viewer', 'GET', '/api/backups/999999/facts'), 404, /no backup with id/)
})
