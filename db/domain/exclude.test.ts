import { expect, test } from 'vitest'
import { patternProblem } from './exclude.ts'

test.each([
  '*.log',
  '!keep.log',
  '/cache/',
  'a/**/b',
  '# a comment',
  '\\#hash',
  'trailing\\ ',
  '..hidden',
  'a..b/...',
  'ü',
  '[a-z]',
  '[]x]',
  '[!]]',
  '[[:alpha:]]*',
  '\\[',
  'a]',
  'ends in two\\\\',
])('%j is a pattern', (pattern) => {
  expect(patternProblem(pattern)).toBeNull()
})

test.each([
  ['', 'names nothing'],
  ['  ', 'names nothing'],
  ['!', 'names nothing'],
  ['/', 'names nothing'],
  ['a\nb', 'must be one line'],
  ['a\0b', 'NUL'],
  ['../other', 'must not hold . or ..'],
  ['./cache', 'must not hold . or ..'],
  ['!a/..', 'must not hold . or ..'],
  ['a\\', 'ends in a backslash'],
  ['a\\\\\\', 'ends in a backslash'],
  ['[a-z', 'has a [ without its ]'],
  ['a[', 'has a [ without its ]'],
  ['[]', 'has a [ without its ]'],
])('%j is refused: %s', (pattern, why) => {
  expect(patternProblem(pattern)).toContain(why)
})
