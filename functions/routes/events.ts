// What changes anywhere, so that pages know what to read again.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Env, Server } from '../context.ts'
import type { Live } from '../live.ts'
import { eventStream, eventText, News, type EventStream } from '../stream.ts'

const resources: readonly string[] = [
  'jobs',
  'stacks',
  'hosts',
  'archives',
  'backups',
  'downloads',
  'mails',
  'settings',
  'users',
  'sessions',
  'tokens',
]
/** The same change is told at most 4 times a second. */
const gatherMilliseconds = 250

export function events({ live, stopping }: Server) {
  return new OpenAPIHono<Env>().openapi(
    createRoute({
      method: 'get',
      path: '/',
      tags: ['Server'],
      summary: 'Follow changes',
      description:
        'An event stream: `ready` comes first, and again when changes may have been missed: read everything then, from there on nothing is left out. `change` names a resource and the id of the row that changed, or null when several may have. It carries no rows: read them again. Log lines are not in it.',
      responses: {
        200: {
          description: 'The changes',
          content: {
            'text/event-stream': {
              schema: z.string(),
              example: 'event: ready\ndata: {}\n\nevent: change\ndata: {"resource":"jobs","id":123}\n\n',
            },
          },
        },
      },
    }),
    (c) => eventStream(c, stopping, (out) => tellChanges(live, out)),
  )
}

async function tellChanges(live: Live, out: EventStream): Promise<void> {
  const ready = eventText('ready', {})
  const news = new News<string>()
  const unfollow = live.follow((event) => {
    if (event === null) news.tell(ready)
    else if (resources.includes(event.resource))
      news.tell(eventText('change', { resource: event.resource, id: event.id }))
  })
  try {
    while (!out.ended.aborted) {
      await news.wait(out.ended)
      const changes = news.take()
      // whoever reads everything has read what changed before, too
      if (changes.has(ready)) await out.send(ready)
      else if (changes.size > 0) await out.send([...changes].join(''))
      await sleep(gatherMilliseconds, undefined, { signal: out.ended }).catch(() => {})
    }
  } finally {
    unfollow()
  }
}
