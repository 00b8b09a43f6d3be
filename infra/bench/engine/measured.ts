// What a command costs: time, processor time of it and all its children, and the memory of its largest process.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../../testbed/run.ts'
import { percentile } from '../measure.ts'

export interface Cost {
  /** Seconds. */
  wall: number
  /** Seconds, user and system. */
  cpu: number
  /** MiB: the most the largest of its processes had in memory. */
  rss: number
}

/** GNU time asks the kernel for it. The environment is the commands' own: what this process was given would change them. */
export async function costOf(command: string[], env: Record<string, string> = {}): Promise<Cost> {
  const folder = await mkdtemp(join(tmpdir(), 'archiver-bench-'))
  const file = join(folder, 'cost')
  try {
    const timed = ['-o', file, '-f', '%e %U %S %M', ...command]
    const begun = performance.now()
    await run('/usr/bin/time', timed, { env: { PATH: process.env['PATH'], HOME: folder, LANG: 'C.UTF-8', ...env } })
    const wall = (performance.now() - begun) / 1000
    const [, user = 0, system = 0, rss = 0] = (await readFile(file, 'utf8')).trim().split(' ').map(Number)
    return { wall, cpu: user + system, rss: rss / 1024 }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export type Contender = () => Promise<Cost>

/**
 * Each in turn, and again: whatever else slows the machine down slows all of them. `before` each round prepares it, and is not
 * counted. Returns the costs of each, round by round.
 */
export async function inTurns<Name extends string>(
  contenders: Record<Name, Contender>,
  rounds: number,
  before: (round: number) => Promise<void> = async () => {},
): Promise<Record<Name, Cost[]>> {
  const costs = {} as Record<Name, Cost[]>
  const names = Object.keys(contenders) as Name[]
  for (let round = 0; round < rounds; round++) {
    await before(round)
    for (const name of names) (costs[name] ??= []).push(await contenders[name]())
  }
  return costs
}

export function median(costs: readonly Cost[], of: keyof Cost = 'wall'): number {
  return percentile(
    costs.map((cost) => cost[of]),
    0.5,
  )
}

/** "3.21 s (5.8 s of processor time)" */
export function told(costs: readonly Cost[]): string {
  return `${seconds(median(costs))} (${median(costs, 'cpu').toFixed(1)} s of processor time)`
}

export function seconds(value: number): string {
  return value < 0.1 ? `${(value * 1000).toFixed(0)} ms` : `${value.toFixed(2)} s`
}

/** How many times as fast: medians of the ratios of runs side by side. */
export function ratio(slow: readonly Cost[], fast: readonly Cost[]): number {
  return percentile(
    slow.map((cost, round) => cost.wall / (fast[round]?.wall ?? Number.NaN)),
    0.5,
  )
}
