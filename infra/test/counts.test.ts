import { expect, test } from 'vitest'
import { lastLine } from './counts.ts'

test('the last line names what was skipped only when something was', () => {
  expect(lastLine({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed')
  expect(lastLine({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped')
})
