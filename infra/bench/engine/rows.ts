import type { Row } from '../measure.ts'
import { median, ratio, seconds, told, type Cost } from './measured.ts'

const mostMemory = 256

export function fasterRow(what: string, ours: Cost[], theirs: Cost[], times: number): Row {
  const measured = ratio(theirs, ours)
  return {
    what,
    wanted: `${times} × as fast`,
    measured: `${measured.toFixed(2)} × as fast: ${told(ours)}, ${told(theirs)}`,
    reached: measured >= times,
  }
}

/** `part`: 20 for a twentieth. */
export function shareRow(what: string, ours: Cost[], theirs: Cost[], part: number): Row {
  const measured = ratio(theirs, ours)
  return {
    what,
    wanted: `≤ 1/${part}`,
    measured: `1/${measured.toFixed(1)}: ${seconds(median(ours))}, ${seconds(median(theirs))}`,
    reached: measured >= part,
  }
}

export function notSlowerRow(what: string, ours: Cost[], theirs: Cost[]): Row {
  return { ...fasterRow(what, ours, theirs, 1), wanted: 'not slower' }
}

export function memoryRow(what: string, costs: Cost[]): Row {
  const rss = Math.max(...costs.map((cost) => cost.rss))
  return {
    what: `${what}: memory`,
    wanted: `RSS ≤ ${mostMemory} MB`,
    measured: `${rss.toFixed(0)} MiB`,
    reached: rss <= mostMemory,
  }
}

/** For comparison alone. */
export function toldRow(what: string, costs: Cost[]): Row {
  return { what, wanted: '', measured: told(costs), reached: true }
}
