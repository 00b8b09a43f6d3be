// Numbers for Prometheus. Names of stacks stand in them, so they need a sign-in; a token of a viewer is enough.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { readMetrics } from 'db/queries/metrics'
import type { Env, Server } from '../context.ts'
import { metricsText } from '../metrics.ts'

export function metrics({ sql, version }: Server) {
  return new OpenAPIHono<Env>().openapi(
    createRoute({
      method: 'get',
      path: '/',
      tags: ['Server'],
      summary: 'Metrics',
      description:
        'Jobs, the last success of each stack, sizes, downtimes, queues, agents and mails, in the text format of Prometheus.',
      responses: {
        200: {
          description: 'The numbers',
          content: {
            'text/plain': {
              schema: z.string(),
              example:
                '# HELP archiver_agent_online Whether the agent of a host was heard of within the last minute.\n# TYPE archiver_agent_online gauge\narchiver_agent_online{host="local"} 1\n',
            },
          },
        },
      },
    }),
    async (c) =>
      c.text(metricsText(await readMetrics(sql), version), 200, {
        'Content-Type': 'text/plain; version=0.0.4; charset=utf-8',
      }),
  )
}
