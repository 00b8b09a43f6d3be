// Which part of a file a request asks for, as RFC 9110 means it. Pure.

export type RangeAnswer = Part | { status: 304 } | { status: 416 }

/** Bytes from `offset` on; of the whole file with 200. */
interface Part {
  status: 200 | 206
  offset: number
  length: number
}

interface Asked {
  range?: string | undefined
  ifRange?: string | undefined
  ifNoneMatch?: string | undefined
}

interface File {
  size: number
  /** With its quotation marks. */
  etag: string
  /** As in the header Last-Modified. */
  lastModified: string
}

/** What cannot be read as one range of bytes is passed over: several ranges, other units, words. */
export function answerRange(asked: Asked, file: File): RangeAnswer {
  const named = asked.ifNoneMatch?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? []
  if (named.includes('*') || named.includes(file.etag)) return { status: 304 }
  const whole = { status: 200, offset: 0, length: file.size } as const
  const changed = asked.ifRange !== undefined && ![file.etag, file.lastModified].includes(asked.ifRange.trim())
  const range = /^bytes=\s*(\d{0,16})-(\d{0,16})\s*$/i.exec(asked.range ?? '')
  if (!range || changed) return whole
  const [, first = '', last = ''] = range
  if (first === '' && last === '') return whole
  if (first === '') {
    const length = Math.min(Number(last), file.size)
    return length === 0 ? { status: 416 } : { status: 206, offset: file.size - length, length }
  }
  const [from, to] = [Number(first), last === '' ? file.size - 1 : Math.min(Number(last), file.size - 1)]
  if (last !== '' && Number(last) < from) return whole
  if (from >= file.size) return { status: 416 }
  return { status: 206, offset: from, length: to - from + 1 }
}
