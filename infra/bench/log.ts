// How fast a line gets from an agent to whoever looks, and how fast the end of a long log is read.
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import type { HostStatus } from '../../db/domain/host.ts'
import { registerAgent } from '../../agent/server.ts'
import { openReport } from '../../agent/task-report.ts'
import { addHost, fillLog, startInstallation, type Installation } from './installation.ts'
import { latencyRow, timesOf, type Row } from './measure.ts'

const million = 1_000_000

export async function log(): Promise<Row[]> {
  await using installation = await startInstallation()
  const long = await fillLog(installation, million)
  const ends = await timesOf(500, () => installation.get(`/api/jobs/${long}/log/tail?last_line=${million - 200}`))
  const anywhere = await timesOf(500, () =>
    installation.get(`/api/jobs/${long}/log/tail?last_line=${Math.floor(Math.random() * million)}`),
  )
  const seen = await linesSeen(installation, 400)
  return [
    latencyRow('log line written by an agent to seen by EventSource', seen, 0.95, 250),
    latencyRow('`log/tail` of a job with 1,000,000 lines, its last 200', ends, 0.99, 20),
    latencyRow('`log/tail` of a job with 1,000,000 lines, 500 anywhere', anywhere, 0.99, 20),
  ]
}

/** From the moment the agent says a line, in the middle of a job, to its event; in ms. */
async function linesSeen(installation: Installation, count: number): Promise<number[]> {
  const { sql, server } = installation
  const host = await addHost(installation, 'writer')
  const quiet = pino({ level: 'silent' })
  const stop = new AbortController()
  const status: HostStatus = {
    docker: { reachable: true, version: '28', reason: '' },
    archives_dir: '/archives',
    disk: null,
    in_container: false,
    mounts: [],
    unreachable_projects: [],
  }
  const agent = await registerAgent(host.url, '0', status, [], stop.signal, quiet)
  await sql`
    insert into archiver.stacks (host_id, path, name, folder, compose_file, project, kind, containers, mounts, own)
    values (${host.id}, '/srv/w', 'w', 'w', 'compose.yml', 'w', 'nested', '[]', '[]', false)`
  const [archive] = await sql<[{ id: number }]>`
    insert into archiver.archives (name, folder, mode, format, level, include_volumes, max_downtime, time_zone)
    values ('written', 'written', 'stop', 'tar.zst', 3, true, 900, 'UTC') returning id`
  await sql`insert into archiver.archive_stacks select ${archive.id}, id from archiver.stacks where host_id = ${host.id}`
  const [job] = await sql<[{ id: number }]>`select archiver.submit_job(${archive.id}) as id`
  const task = await agent.claim([])
  if (!task) throw new Error('there is no task')

  const said = new Map<string, number>()
  const times: number[] = []
  const headers = { authorization: `Bearer ${server.token}` }
  const stream = await fetch(`${server.url}/api/jobs/${job.id}/events`, { headers, signal: stop.signal })
  const reading = (async () => {
    let text = ''
    for await (const chunk of stream.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const blocks = (text + chunk).split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        const begun = said.get(/"text":"([^"]*)"/.exec(block)?.[1] ?? '')
        if (begun !== undefined) times.push(performance.now() - begun)
      }
    }
  })().catch(() => {})

  const report = openReport(task, agent, quiet)
  for (let line = 0; line < count; line++) {
    const text = `line ${line} of the bench`
    said.set(text, performance.now())
    report.say('info', text)
    await sleep(Math.random() * 150)
  }
  while (times.length < count) await sleep(20)
  stop.abort()
  await reading
  await agent.close()
  return times
}
