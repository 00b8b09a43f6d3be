// Two kinds of tests: `unit` beside the source, and `scenarios` with real Docker and Chromium, which mostly wait.
import { defineConfig } from 'vitest/config'
import { Order } from './infra/testbed/order.ts'

// All limits are for a machine that is busy with something else: a test that passes never waits them out.
const expect = { poll: { timeout: 60_000 } }

export default defineConfig({
  test: {
    globalSetup: ['infra/testbed/postgres-setup.ts'],
    sequence: { sequencer: Order },
    // Twice the cores of a small machine: scenarios wait for containers most of their time.
    maxWorkers: 4,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{db,functions,agent,web,infra}/**/*.test.ts'],
          exclude: ['**/node_modules/**', 'web/build/**', 'infra/scenarios/**'],
          expect,
          // Modules are read once a worker rather than once a file: what is shared between tests stands in databases and folders.
          isolate: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'scenarios',
          include: ['infra/scenarios/**/*.test.ts'],
          globalSetup: ['infra/testbed/engine-setup.ts'],
          setupFiles: ['infra/testbed/each-scenario.ts'],
          expect,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
})
