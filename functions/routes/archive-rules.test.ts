import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { startTestAgent } from '../testing/agent.ts'
import { expectProblem } from '../testing/problems.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let agent: Awaited<ReturnType<typeof startTestAgent>>
let stack = 0
let archive = 0

beforeAll(async () => {
  server = await startTestServer(inject('serverUrl'))
  agent = await startTestAgent(server.database, ['wiki'])
  stack = (await server.ask('admin', 'GET', '/api/stacks')).body.stacks[0].id
  const answer = await server.ask('admin', 'POST', '/api/archives', {
    name: 'nightly',
    stack_ids: [stack],
    time_zone: 'UTC',
  })
  archive = answer.body.archive.id
  for (const [days, size] of [
    [0, 1000],
    [1, 1001],
    [2, 1002],
    [40, 1003],
  ])
    await server.database.sql`
      insert into archiver.backups (host_id, stack_id, archive_id, archive_name, stack_name, path, format, state, size_bytes,
        file_count, sha256, created_at, verified_at)
      values (${agent.host.id}, ${stack}, ${archive}, 'nightly', 'wiki', ${`nightly/wiki/${days}.tar.zst`}, 'tar.zst', 'good',
        ${size ?? 0}, 1, 'x', now() - make_interval(days => ${days ?? 0}), now())`
})

afterAll(async () => {
  await agent.stop()
  await server.stop()
})

const change = (body: object) => server.ask('admin', 'PATCH', `/api/archives/${archive}`, body)

describe('schedule', () => {
  test('is off at first, gets a next run when it is on, and none when it is off again', async () => {
    expect((await server.ask('viewer', 'GET', `/api/archives/${archive}`)).body.archive).toMatchObject({
      schedule_enabled: false,
      schedule_cron: '0 3 * * *',
      catch_up_window: 10_800,
      next_run_at: null,
      missed_runs: [],
    })
    const on = await change({ schedule_enabled: true, schedule_cron: '0 12 * * sun', time_zone: 'Europe/Berlin' })
    expect(new Date(on.body.archive.next_run_at).getUTCDay()).toBe(0)
    expect((await change({ schedule_enabled: false, time_zone: 'UTC' })).body.archive.next_run_at).toBeNull()
  })

  test.each([
    ['0 0 31 2 *', /never comes round/],
    ['* * * * 8', /day of the week: "8"/],
    ['nonsense', /five fields/],
    ['', /five fields/],
    ['@reboot', /is no time/],
  ])('"%s" is refused at its field', async (cron, words) => {
    const answer = await change({ schedule_cron: cron })
    expectProblem(answer, 422, words)
    expect(answer.body.errors).toMatchObject([{ field: 'schedule_cron' }])
    expectProblem(await server.ask('viewer', 'POST', '/api/schedule/preview', { cron }), 422, words)
  })

  test('can be previewed', async () => {
    const ask = (body: object) => server.ask('viewer', 'POST', '/api/schedule/preview', body)
    const { body } = await ask({ cron: '30 2 * * *', time_zone: 'Asia/Kathmandu', count: 3 })
    expect(body.next_runs).toHaveLength(3)
    for (const run of body.next_runs) expect(run).toMatch(/T20:45:00\.000Z$/)
    expect((await ask({ cron: '@daily' })).body.next_runs).toHaveLength(5)
    expectProblem(await ask({ cron: '@daily', time_zone: 'Mars/Olympus' }), 422, /time zone such as/)
    expectProblem(await ask({ cron: '@daily', count: 0 }), 422, /1 or more/)
  })
})

describe('retention', () => {
  const zeros = { retention_keep_days: 0, retention_keep_weeks: 0, retention_keep_months: 0, retention_keep_years: 0 }

  test('a policy of all zeros is refused in words, whole or by a change of what is left', async () => {
    const whole = await server.ask('admin', 'POST', '/api/archives', { name: 'zeros', stack_ids: [stack], ...zeros })
    expectProblem(whole, 422, /keeps nothing: at least one of days, weeks, months and years/)
    expect(whole.body.errors[0].field).toBe('retention_keep_days')
    expectProblem(await change(zeros), 422, /keeps nothing/)
    expect((await change({ ...zeros, retention_keep_days: 3 })).status).toBe(200)
    expectProblem(await change({ retention_keep_days: 0 }), 422, /keeps nothing/)
    expectProblem(await change({ retention_keep_days: -1 }), 422, /0 or more/)
    expect(
      (
        await change({
          retention_keep_weeks: 4,
          retention_keep_months: 6,
          retention_keep_years: 2,
          retention_keep_days: 7,
        })
      ).status,
    ).toBe(200)
  })

  test('a policy that is not saved yet can be looked at: decisions, reasons and bytes', async () => {
    const policy = { keep_days: 1, keep_weeks: 0, keep_months: 0, keep_years: 0, one_per_day: true }
    const expected = {
      stacks: [
        {
          stack_id: stack,
          stack_name: 'wiki',
          host: agent.host.name,
          waits: '',
          keep_bytes: 1000,
          remove_bytes: 3006,
          remove_now_bytes: 2005,
          decisions: [
            {
              size_bytes: 1000,
              state: 'good',
              pinned: false,
              keep: true,
              goes: null,
              reasons: ['newest good backup', 'day 1 of 1'],
            },
            { size_bytes: 1001, keep: false, goes: 'later', reasons: ['no rule keeps it'] },
            { size_bytes: 1002, keep: false, goes: 'now' },
            { size_bytes: 1003, keep: false, goes: 'now' },
          ],
        },
      ],
    }
    const path = `/api/archives/${archive}/retention/preview`
    expect((await server.ask('viewer', 'POST', path, { policy })).body).toMatchObject(expected)
    for (const of of [{ archive_id: archive }, { stack_ids: [stack] }, { archive_id: archive, stack_ids: [stack] }])
      expect(
        (await server.ask('viewer', 'POST', '/api/retention/preview', { ...of, policy, time_zone: 'UTC' })).body,
      ).toMatchObject(expected)
    expect((await server.ask('viewer', 'POST', '/api/retention/preview', { stack_ids: [], policy })).body).toEqual({
      stacks: [],
    })
    expect((await server.ask('viewer', 'POST', path)).body.stacks[0].remove_bytes, 'its own policy').toBe(0)
    expectProblem(
      await server.ask('viewer', 'POST', path, { policy: { ...policy, keep_days: 0 } }),
      422,
      /keeps nothing/,
    )
    expectProblem(
      await server.ask('viewer', 'POST', '/api/retention/preview', { policy }),
      422,
      /archive_id or stack_ids/,
    )
    expectProblem(await server.ask('viewer', 'POST', '/api/archives/999999/retention/preview'), 404)
  })
})

describe('what is archived', () => {
  const create = (body: object) => server.ask('admin', 'POST', '/api/archives', { name: 'hosts', ...body })

  test('all stacks of a host, those found later included', async () => {
    expectProblem(await create({}), 422, /choose at least one stack, or all stacks of a host/)
    expectProblem(await create({ all_stacks_of_host: 999_999 }), 422, /There is no such host/)
    const { body } = await create({ all_stacks_of_host: agent.host.id, exclude: ['*.log', '/cache/'] })
    expect(body.archive).toMatchObject({
      all_stacks_of_host: agent.host.id,
      stack_ids: [],
      exclude: ['*.log', '/cache/'],
    })
    expectProblem(
      await server.ask('admin', 'PATCH', `/api/archives/${body.archive.id}`, { all_stacks_of_host: null }),
      422,
      /choose at least one/,
    )
    const dry = await server.ask('operator', 'POST', `/api/archives/${body.archive.id}/dry-run`)
    const { job, metrics } = (await server.ask('viewer', 'GET', `/api/jobs/${dry.body.job_id}`)).body
    expect(job).toMatchObject({
      is_dry_run: true,
      phase: 1,
      options: { dry_run: { stop_containers: true, create_archive: true, run_retention: true } },
      results: {},
      scheduled_for: null,
    })
    expect(metrics).toMatchObject([{ stack_name: 'wiki', not_covered: [], pull: null, reclaimed_bytes: 0 }])
    const rehearsed = (await server.ask('viewer', 'GET', `/api/archives/${body.archive.id}`)).body.archive
    expect(rehearsed, 'a dry run is no result').toMatchObject({ last_job: { id: dry.body.job_id }, last_result: null })
    await server.ask('operator', 'POST', `/api/jobs/${dry.body.job_id}/cancel`)
  })

  test('a dry run takes its three switches, and refuses others', async () => {
    const path = `/api/archives/${archive}/dry-run`
    expectProblem(await server.ask('operator', 'POST', path, { delete_all: true }), 422, /delete_all/)
    const { body } = await server.ask('operator', 'POST', path, { stop_containers: false })
    expect((await server.ask('viewer', 'GET', `/api/jobs/${body.job_id}`)).body.job.options.dry_run).toEqual({
      stop_containers: false,
      create_archive: true,
      run_retention: true,
    })
    expectProblem(
      await server.ask('operator', 'POST', `/api/archives/${archive}/retention`),
      409,
      /has not finished yet/,
    )
    await server.ask('operator', 'POST', `/api/jobs/${body.job_id}/cancel`)
  })
})
