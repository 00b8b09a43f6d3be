// Storage over time as stacked areas: where each lies, and what the axis says.
import type { StorageOverTime } from './rows.ts'

export interface Area {
  stack_id: number | null
  name: string
  /** Bytes at the last day. */
  now: number
  bytes: readonly number[]
  /** An SVG path in a box of `width` × `height`. */
  path: string
}

export interface Chart {
  /** The largest first, which lies at the bottom; others last. */
  areas: Area[]
  /** Bytes at the upper edge: a round number of binary units. */
  top: number
  ticks: number[]
}

export const width = 1000
export const height = 100

export function chartOf({ days, stacks, others }: StorageOverTime, othersName: string): Chart {
  const series = [
    ...stacks.map(({ stack_id, stack_name, bytes }) => ({ stack_id, name: stack_name, bytes })),
    ...(others ? [{ stack_id: null, name: othersName, bytes: others.bytes }] : []),
  ]
  const totals = days.map((_, at) => series.reduce((sum, { bytes }) => sum + (bytes[at] ?? 0), 0))
  const { top, ticks } = axisFor(Math.max(0, ...totals))
  const x = (at: number) => (days.length < 2 ? 0 : (at / (days.length - 1)) * width)
  const y = (bytes: number) => height - (bytes / top) * height
  const floor = days.map(() => 0)
  const areas = series.map(({ stack_id, name, bytes }) => {
    const lower = [...floor]
    bytes.forEach((value, at) => (floor[at] = (floor[at] ?? 0) + value))
    const edge = (values: readonly number[]) => values.map((value, at) => `${round(x(at))},${round(y(value))}`)
    const path = `M${edge(floor).join(' L')} L${edge(lower).toReversed().join(' L')} Z`
    return { stack_id, name, now: bytes.at(-1) ?? 0, bytes, path }
  })
  return { areas, top, ticks }
}

const round = (n: number) => Math.round(n * 100) / 100

/** Up to four even steps of 1, 2, 4, 8 … of the binary unit that fits. */
export function axisFor(most: number): { top: number; ticks: number[] } {
  let step = 1
  while (step * 4 < most) step *= 2
  const steps = Math.max(1, Math.ceil(most / step))
  return { top: step * steps, ticks: Array.from({ length: steps + 1 }, (_, at) => at * step) }
}

/** Places of at most `n` days, evenly spread, the first and the last among them. */
export function spread(length: number, n: number): number[] {
  const wanted = Math.min(length, n)
  if (wanted < 2) return length > 0 ? [length - 1] : []
  return Array.from({ length: wanted }, (_, at) => Math.round((at * (length - 1)) / (wanted - 1)))
}
