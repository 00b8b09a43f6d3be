// What every refusal looks like.
import { expect } from 'vitest'
import type { Answer } from './server.ts'

/** A problem of this status whose text is one for people. */
export function expectProblem(answer: Answer, status: number, detail = /.{10}/): void {
  const problem = { status, title: expect.any(String), detail: expect.stringMatching(detail) }
  expect(answer.body, JSON.stringify(answer.body)).toMatchObject(problem)
  expect(answer.status).toBe(status)
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
}
