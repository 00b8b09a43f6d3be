// Sends a job to one client as it happens: every log line once and in order, the status when it changes, the end.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sql } from 'db/connect'
import { isFinished } from 'db/domain/job'
import { messageOf, NotFound } from 'db/domain/errors'
import { readJobDetail } from 'db/queries/jobs'
import { listLogLines } from 'db/queries/logs'
import type { Logger } from 'pino'
import type { Live } from './live.ts'
import { isUnreachableDatabase } from './problems.ts'
import { eventText, News, type EventStream } from './stream.ts'

const batch = 1000
/** Notices that come closer together are answered with one read. */
const gatherMilliseconds = 50
const retryMilliseconds = 1000

interface Parts {
  sql: Sql
  live: Live
  log: Logger
}

/** Resolves when the job has ended and everything is sent, or the client is gone. A database that is away is waited for. */
export async function followJob({ sql, live, log }: Parts, id: number, after: number, out: EventStream): Promise<void> {
  const news = new News<'log' | 'jobs'>()
  const unfollow = live.follow((event) => {
    if (event === null) news.tell('jobs')
    else if (event.id === id && (event.resource === 'log' || event.resource === 'jobs')) news.tell(event.resource)
  })
  const send = sender({ sql }, id, after, out)
  try {
    news.tell('jobs')
    while (!out.ended.aborted) {
      const what = news.take()
      try {
        if ((await send(what.has('jobs'))) === 'all') return
      } catch (error) {
        if (error instanceof NotFound) return
        if (!isUnreachableDatabase(error)) throw error
        log.warn({ error: messageOf(error), job_id: id }, 'following a job waits for the database')
        news.tell('jobs')
        await pause(retryMilliseconds, out.ended)
        continue
      }
      await news.wait(out.ended)
      await pause(gatherMilliseconds, out.ended)
    }
  } finally {
    unfollow()
  }
}

/** Remembers what was sent, so that each call sends what is new. */
function sender({ sql }: Pick<Parts, 'sql'>, id: number, after: number, out: EventStream) {
  let last = after
  let told = ''
  let finished = false
  return async (statusToo: boolean): Promise<'all' | 'so far'> => {
    if (statusToo) {
      const detail = await readJobDetail(sql, id)
      const status = eventText('status', detail)
      // a client may claim a line that was never written
      last = Math.min(last, detail.job.last_line)
      finished = isFinished(detail.job.status)
      if (status !== told) await out.send(status)
      told = status
    }
    for (let full = true; full && !out.ended.aborted;) {
      const lines = await listLogLines(sql, id, { after: last, limit: batch })
      if (lines.length > 0) await out.send(lines.map((line) => eventText('log', line, line.line)).join(''))
      last = lines.at(-1)?.line ?? last
      full = lines.length === batch
    }
    if (!finished || out.ended.aborted) return 'so far'
    await out.send(eventText('end', {}))
    return 'all'
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => {})
}
