import { expect, test } from 'vitest'
import { loginFor, targetFrom, withParameter } from './address.ts'
import { agentSnippet } from './agent-snippet.ts'
import { problemFrom } from './problem.ts'
import { errorsOf } from './setup-form.ts'

test('the first account is judged field by field', () => {
  const good = { username: 'ada', email: 'ada@example.org', password: 'long enough', repeat: 'long enough' }
  expect(errorsOf(good)).toEqual({})
  expect(Object.keys(errorsOf({ username: 'a b', email: 'ada', password: 'short', repeat: '' }))).toEqual([
    'username',
    'email',
    'password',
    'repeat',
  ])
})

test('a refusal keeps the texts of its fields', () => {
  const body = { title: 'Conflict', detail: 'no', errors: [{ field: 'name', detail: 'is taken' }] }
  expect(problemFrom(409, body)).toMatchObject({ message: 'no', status: 409, fields: { name: 'is taken' } })
  expect(problemFrom(401, { message: 'Invalid username or password' }).message).toBe('Invalid username or password')
  expect(problemFrom(502, '<html>').message).toBe('The server answered with an error (502).')
})

test('after sign-in people come back to where they were, and never to another site', () => {
  const back = (to: string) => targetFrom({ search: `?to=${encodeURIComponent(to)}` })
  expect(loginFor('/history/3?x=1')).toBe('/login?to=%2Fhistory%2F3%3Fx%3D1')
  expect(back('/history/3?x=1')).toBe('/history/3?x=1')
  for (const bad of [
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    'javascript:alert(1)',
    '/\t/evil.example',
  ]) {
    expect(back(bad)).toBe('/')
  }
})

test('a filter stands in the address until it is taken out', () => {
  expect(withParameter({ pathname: '/history', search: '?archive=3' }, 'status', 'failed')).toBe(
    '/history?archive=3&status=failed',
  )
  expect(withParameter({ pathname: '/history', search: '?status=failed' }, 'status', '')).toBe('/history')
})

test('a password keeps its meaning inside the address of the database', () => {
  const snippet = agentSnippet({ role: 'archiver_host_nas2', password: 'a:b@c/d' })
  expect(snippet).toContain('postgres://archiver_host_nas2:a%3Ab%40c%2Fd@ADDRESS:5432/archiver')
})
