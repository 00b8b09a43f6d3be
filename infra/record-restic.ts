// Records what `restic forget` keeps, for db/domain/retention.test.ts to be compared with: one repository whose
// snapshots are made with --time, a tag for each timeline they belong to. It takes some minutes, and the restic of
// Debian's next release: before 0.16 the oldest was not kept where quota remained.
// `node infra/record-restic.ts`, from the top folder.
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { aptUnpackFromNextRelease } from './testbed/apt.ts'

const run = promisify(execFile)
const recorded = 'db/domain/retention.golden.json'
const policiesPerTimeline = 12

// the same numbers each time, so that recording again changes nothing but what restic does differently
let state = 20261123
function random(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * below)
}

const hour = 3600
const day = 24 * hour
const at = (text: string) => Date.parse(`${text}Z`) / 1000
const every = (from: string, count: number, step: number) =>
  Array.from({ length: count }, (_, index) => at(from) + index * step)
const some = (from: string, to: string, count: number) =>
  Array.from({ length: count }, () => at(from) + random(at(to) - at(from)))
const without = (times: number[], share: number) => times.filter(() => random(100) >= share)

const timelines: Record<string, number[]> = {
  'nightly over a year end': every('2024-12-10T03:00:00', 45, day),
  'nightly over the year end of a long year': every('2020-12-15T03:00:00', 40, day),
  'nightly over a year end that begins in the old ISO year': every('2021-12-20T03:00:00', 30, day),
  'nightly over the year end in which ISO week 1 begins in December': every('2025-12-12T03:00:00', 35, day),
  'nightly with gaps': without(every('2024-12-10T03:00:00', 45, day), 30),
  'nightly over a leap day': every('2024-02-10T03:00:00', 35, day),
  'every 6 hours over a year end': every('2024-12-28T00:00:00', 40, 6 * hour),
  'every 6 hours with gaps': without(every('2024-12-28T00:00:00', 40, 6 * hour), 40),
  'just before and after midnight': every('2024-12-29T23:59:59', 14, day / 2),
  'on new year to the second': [
    '2022-12-31T23:59:59',
    '2023-01-01T00:00:00',
    '2023-12-31T23:59:59',
    '2024-01-01T00:00:00',
    '2024-12-31T23:59:59',
    '2025-01-01T00:00:00',
  ].map(at),
  'weekly on Sundays': every('2024-06-02T04:00:00', 40, 7 * day),
  'weekly on Mondays': every('2024-06-03T00:00:00', 40, 7 * day),
  'weekly with gaps': without(every('2024-06-02T04:00:00', 40, 7 * day), 35),
  'every 10 days over three years': every('2022-03-01T05:00:00', 55, 20 * day),
  'monthly over four years': Array.from({ length: 48 }, (_, index) => Date.UTC(2021, index, 1, 2) / 1000),
  'the last of each month': Array.from({ length: 30 }, (_, index) => Date.UTC(2022, index + 1, 0, 23, 30) / 1000),
  'yearly on 31 December': Array.from({ length: 12 }, (_, index) => Date.UTC(2013 + index, 11, 31, 12) / 1000),
  'yearly on 1 January': Array.from({ length: 12 }, (_, index) => Date.UTC(2013 + index, 0, 1, 12) / 1000),
  once: [at('2024-07-01T12:00:00')],
  'twice on one day': ['2024-07-01T01:00:00', '2024-07-01T13:00:00'].map(at),
  'at random over six weeks': some('2024-11-25T00:00:00', '2025-01-07T00:00:00', 50),
  'at random over a year': some('2023-12-01T00:00:00', '2025-01-15T00:00:00', 50),
  'at random over five years': some('2019-12-20T00:00:00', '2025-01-10T00:00:00', 50),
  'years of nothing, then nightly': [...every('2019-12-30T03:00:00', 4, day), ...every('2024-12-20T03:00:00', 20, day)],
}

/** last, daily, weekly, monthly, yearly */
type Policy = [number, number, number, number, number]

function policies(): Policy[] {
  const some = (most: number) => (random(3) === 0 ? 0 : 1 + random(most))
  const drawn: Policy[] = [
    [0, 7, 4, 6, 2],
    [0, 1, 0, 0, 0],
    [0, 0, 0, 0, 1 + random(3)],
    [0, 0, 2 + random(6), 0, 0],
    [0, 0, 0, 1 + random(18), 0],
  ]
  while (drawn.length < policiesPerTimeline) {
    const policy: Policy = [random(2) * random(6), some(14), some(10), some(18), some(6)]
    if (policy.some((count) => count > 0)) drawn.push(policy)
  }
  return drawn
}

const folder = await mkdtemp(join(tmpdir(), 'archiver-restic-'))
const env = {
  ...process.env,
  TZ: 'UTC',
  RESTIC_REPOSITORY: join(folder, 'repository'),
  RESTIC_PASSWORD: 'golden',
  RESTIC_CACHE_DIR: join(folder, 'cache'),
}
const restic = async (...args: string[]) =>
  (await run(join(folder, 'unpacked/usr/bin/restic'), args, { env, cwd: folder, maxBuffer: 2 ** 26 })).stdout

try {
  await aptUnpackFromNextRelease('restic', join(folder, 'unpacked'))
  const version = (await restic('version')).split(' ').slice(0, 2).join(' ')
  await restic('init')
  await writeFile(join(folder, 'file'), 'x')
  const named = Object.entries(timelines).map(([name, times]) => ({
    name,
    times: [...new Set(times)].sort((one, other) => one - other),
  }))
  const tags = new Map<number, string[]>()
  for (const [index, { times }] of named.entries())
    for (const time of times) tags.set(time, [...(tags.get(time) ?? []), `t${index}`])

  console.log(`${named.length} timelines, ${tags.size} snapshots`)
  const waiting = [...tags].sort(([one], [other]) => one - other)
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [time, of] = next
      const text = new Date(time * 1000).toISOString().slice(0, 19).replace('T', ' ')
      await restic(
        'backup',
        'file',
        '--time',
        text,
        '--host',
        'h',
        '--force',
        '--no-scan',
        '--quiet',
        ...of.flatMap((tag) => ['--tag', tag]),
      )
    }
  }
  await Promise.all([work(), work()])
  console.log('snapshots are made')

  const cases: { timeline: number; policy: Policy; keep: number[] }[] = []
  for (const [timeline, { name, times }] of named.entries()) {
    for (const policy of policies()) {
      const options = ['last', 'daily', 'weekly', 'monthly', 'yearly'].flatMap((rule, index) =>
        policy[index] ? [`--keep-${rule}`, String(policy[index])] : [],
      )
      const answer = await restic(
        'forget',
        '--dry-run',
        '--json',
        '--group-by',
        '',
        '--tag',
        `t${timeline}`,
        ...options,
      )
      const groups = JSON.parse(answer) as { keep: { time: string }[] | null; remove: object[] | null }[]
      const [group] = groups
      const keep = (group?.keep ?? []).map((snapshot) => times.indexOf(Date.parse(snapshot.time) / 1000))
      if (groups.length !== 1 || keep.includes(-1) || keep.length + (group?.remove ?? []).length !== times.length)
        throw new Error(`restic answered something else for ${name}: ${answer}`)
      cases.push({ timeline, policy, keep: keep.sort((one, other) => one - other) })
    }
    console.log(`${name}: recorded`)
  }
  const lines = [
    `{"recorded_with": ${JSON.stringify(version)},`,
    `"policies": "last, daily, weekly, monthly, yearly; keep: places in the timeline, oldest first",`,
    `"timelines": [\n${named.map((timeline) => JSON.stringify(timeline)).join(',\n')}\n],`,
    `"cases": [\n${cases.map((one) => JSON.stringify(one)).join(',\n')}\n]}`,
  ]
  await writeFile(recorded, lines.join('\n') + '\n')
  console.log(`${cases.length} cases in ${recorded}`)
} finally {
  await rm(folder, { recursive: true, force: true })
}
