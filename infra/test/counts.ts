// What a run of tests amounts to.
import type { TestModule } from 'vitest/node'

export interface Counts {
  passed: number
  failed: number
  skipped: number
}

/** A file that could not be read, a failing hook and an error outside of any test count as failed. */
export function countTests(modules: readonly TestModule[], unhandledErrors: number): Counts {
  const tests = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state))
  const brokenSuites = modules.flatMap((module) => [module, ...module.children.allSuites()]).filter(hasErrors)
  const count = (...states: string[]) => tests.filter((state) => states.includes(state)).length
  return {
    passed: count('passed'),
    failed: count('failed') + brokenSuites.length + unhandledErrors,
    skipped: count('skipped', 'pending'),
  }
}

function hasErrors(suite: { errors(): unknown[] }): boolean {
  return suite.errors().length > 0
}

/** The line that a CI reads. */
export function lastLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
