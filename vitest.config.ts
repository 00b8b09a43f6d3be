// Two kinds of tests: `unit` beside the source, in parallel; `scenarios` with real Docker and Chromium, one file at a time.
import { defineConfig } from 'vitest/config'
import { Order } from './infra/testbed/order.ts'

export default defineConfig({
  test: {
    globalSetup: ['infra/testbed/postgres-setup.ts'],
    sequence: { sequencer: Order },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{db,functions,agent,web,infra}/**/*.test.ts'],
          exclude: ['**/node_modules/**', 'web/build/**', 'infra/scenarios/**'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'scenarios',
          include: ['infra/scenarios/**/*.test.ts'],
          globalSetup: ['infra/testbed/engine-setup.ts'],
          setupFiles: ['infra/testbed/each-scenario.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
})
