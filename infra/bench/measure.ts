// Figures, and the table they are shown in.

export interface Row {
  what: string
  wanted: string
  measured: string
  reached: boolean
}

/** The value that this share of all values does not exceed: `percentile(times, 0.95)`. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

/** How long each of `count` runs takes, in ms, one after the other. 200 before are not counted: a server that runs is warm. */
export async function timesOf(count: number, run: (index: number) => Promise<unknown>): Promise<number[]> {
  for (let index = 0; index < 200; index++) await run(index)
  const times: number[] = []
  for (let index = 0; index < count; index++) {
    const begun = performance.now()
    await run(index)
    times.push(performance.now() - begun)
  }
  return times
}

export function latencyRow(what: string, times: readonly number[], share: number, most: number): Row {
  const measured = percentile(times, share)
  const name = `p${Math.round(share * 100)}`
  return {
    what,
    wanted: `${name} ≤ ${most} ms`,
    measured: `${name} ${measured.toFixed(1)} ms (median ${percentile(times, 0.5).toFixed(1)}, of ${times.length})`,
    reached: measured <= most,
  }
}

export function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ what, wanted, measured, reached }) => `| ${what} | ${wanted} | ${measured} | ${reached ? 'yes' : '**no**'} |`,
  )
  return ['| what | wanted | measured | reached |', '|---|---|---|---|', ...lines].join('\n')
}
