import { expect, test } from 'vitest'
import { answerRange } from './byte-range.ts'

const file = { size: 1000, etag: '"abc"', lastModified: 'Mon, 23 Nov 2026 01:00:00 GMT' }
const whole = { status: 200, offset: 0, length: 1000 }

test.each([
  [undefined, whole],
  ['bytes=0-', { status: 206, offset: 0, length: 1000 }],
  ['bytes=0-0', { status: 206, offset: 0, length: 1 }],
  ['bytes=400-499', { status: 206, offset: 400, length: 100 }],
  ['bytes=400-99999', { status: 206, offset: 400, length: 600 }],
  ['bytes=-100', { status: 206, offset: 900, length: 100 }],
  ['bytes=-5000', { status: 206, offset: 0, length: 1000 }],
  ['bytes=999-', { status: 206, offset: 999, length: 1 }],
  ['bytes=1000-', { status: 416 }],
  ['bytes=-0', { status: 416 }],
  ['bytes=0-1,5-6', whole],
  ['bytes=5-2', whole],
  ['bytes=-', whole],
  ['lines=1-2', whole],
  ['bytes=a-b', whole],
])('Range %s', (range, answer) => expect(answerRange({ range }, file)).toEqual(answer))

test.each([
  ['"abc"', { status: 206, offset: 5, length: 995 }],
  [file.lastModified, { status: 206, offset: 5, length: 995 }],
  ['"other"', whole],
  ['W/"abc"', whole],
  ['Mon, 23 Nov 2026 02:00:00 GMT', whole],
])('with If-Range %s', (ifRange, answer) => expect(answerRange({ range: 'bytes=5-', ifRange }, file)).toEqual(answer))

test.each([
  ['"abc"', { status: 304 }],
  ['"x", W/"abc"', { status: 304 }],
  ['*', { status: 304 }],
  ['"x"', whole],
])('with If-None-Match %s', (ifNoneMatch, answer) => expect(answerRange({ ifNoneMatch }, file)).toEqual(answer))
