import { expect, test } from 'vitest'
import { seal, unseal, WrongKey } from './secrets.ts'

const [key, other] = ['a secret of the tests', 'another secret of the tests']

test('what was sealed is read again under the same key alone', () => {
  const sealed = seal(key, 'smtp password', 'pässword')
  expect(sealed).not.toContain('pässword')
  expect(seal(key, 'smtp password', 'pässword')).not.toBe(sealed)
  expect(unseal(key, 'smtp password', sealed)).toBe('pässword')
  expect(() => unseal(other, 'smtp password', sealed)).toThrow(WrongKey)
  expect(() => unseal(key, 'something else', sealed)).toThrow(WrongKey)
})

test.each(['', 'v1', 'v1...', 'v1.AAAA.AAAA.AAAA', 'v2.a.b.c', 'plain text'])('"%s" was never sealed', (text) => {
  expect(() => unseal(key, 'smtp password', text)).toThrow(WrongKey)
})

test('a changed letter is noticed', () => {
  const sealed = seal(key, 'p', 'a password that is long enough')
  const changed = sealed.slice(0, -4) + (sealed.at(-4) === 'A' ? 'B' : 'A') + sealed.slice(-3)
  expect(() => unseal(key, 'p', changed)).toThrow(WrongKey)
})
