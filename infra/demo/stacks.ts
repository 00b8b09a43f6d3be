// The stacks on disk: a compose file and data that grows day by day, the same in every run.
import { createHash } from 'node:crypto'
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stacks, upheavals, type DemoStack, type HostName } from './story.ts'

export const dayLong = 24 * 3600_000
/** Of our containers and volumes, with the host's name: each agent sees those of its own host alone. */
export const label = 'docker-archiver.demo'
/** Never the name of a project that may run on this machine. */
export const projectOf = (stack: DemoStack) => `archiver-demo-${stack.name}`

export interface StacksOnDisk {
  folderOf(host: HostName): string
  pathOf(stack: DemoStack): string
  /** Brings all of them to where they were at this time; never backwards. */
  growTo(now: Date): Promise<void>
}

/** `end` is the last day of the story, `days` how many there are. */
export function layOut(root: string, end: Date, days: number): StacksOnDisk {
  const folderOf = (host: HostName) => join(root, host, 'stacks')
  const pathOf = (stack: DemoStack) => join(folderOf(stack.host), stack.name)
  let grownTo = days + 1

  /** What happened to a stack on one day, counted backwards from the end. */
  async function live(stack: DemoStack, day: number): Promise<void> {
    const since = Math.min(stack.since ?? days, days)
    if (day > since) return
    const data = join(pathOf(stack), 'data')
    const at = new Date(end.getTime() - day * dayLong)
    if (day === since) await setUp(stack, pathOf(stack), data, at)
    const isWeekend = [0, 6].includes(at.getDay())
    const size = stack.daily[isWeekend ? 1 : 0] * (0.6 + 0.8 * chance(`${stack.name} ${day}`))
    await put(join(data, nameOf(at)), size, at)
    if (stack.rotates) await rm(join(data, nameOf(new Date(at.getTime() - stack.rotates * dayLong))), { force: true })
    for (const { adds, removes } of upheavals.filter((one) => one.day === day && one.stack === stack.name)) {
      if (adds) await put(join(data, `import-${nameOf(at)}`), adds, at)
      if (removes) await removeOldest(data, removes)
    }
  }

  return {
    folderOf,
    pathOf,
    async growTo(now) {
      const day = Math.max(0, Math.floor((end.getTime() - now.getTime()) / dayLong))
      for (let each = grownTo - 1; each >= day; each--) await Promise.all(stacks.map((stack) => live(stack, each)))
      grownTo = Math.min(grownTo, day)
    },
  }
}

async function setUp(stack: DemoStack, folder: string, data: string, at: Date): Promise<void> {
  await mkdir(data, { recursive: true })
  await writeFile(join(folder, 'compose.yaml'), composeFile(stack))
  await writeFile(join(folder, '.env'), `TZ=Europe/Berlin\nINSTANCE=${stack.name}\n`)
  for (let part = 0; part < 6; part++) await put(join(data, `library-${part}.db`), stack.base / 6, at)
}

function composeFile(stack: DemoStack): string {
  const service = (name: string, image: string, volumes: string[]) => `  ${name}:
    image: demo/${image}
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 1000000 & wait"]
    network_mode: none
    stop_grace_period: 3s
    restart: unless-stopped
    labels: { ${label}: ${stack.host} }
    volumes: [${volumes.map((volume) => JSON.stringify(volume)).join(', ')}]
`
  const mounts = ['./data:/data', ...(stack.volume ? ['db:/var/lib/db'] : []), ...(stack.scratch ? ['cache:/cache'] : [])]
  const [name = stack.name] = stack.image.split(':')
  const volume = (name: string, more = '') => `  ${name}:\n    labels: { ${label}: ${stack.host} }\n${more}`
  const memory = '    driver_opts: { type: tmpfs, device: tmpfs, o: "size=1m" }\n'
  const volumes = [...(stack.volume ? [volume('db')] : []), ...(stack.scratch ? [volume('cache', memory)] : [])]
  return [
    `name: ${projectOf(stack)}\nservices:\n`,
    service('app', stack.image, mounts),
    ...(stack.helpers ?? []).map((helper) => service(helper, `${name.split(':')[0]}-${helper}:1`, [`./${helper}:/data`])),
    volumes.length > 0 ? `volumes:\n${volumes.join('')}` : '',
  ].join('')
}

/** All names of images in the compose files. */
export function imagesOf(): string[] {
  return stacks.flatMap(({ image, helpers = [] }) => [
    `demo/${image}`,
    ...helpers.map((helper) => `demo/${image.split(':')[0]}-${helper}:1`),
  ])
}

/** A file of so many KiB that no compressor makes smaller. */
async function put(file: string, kib: number, at: Date): Promise<void> {
  const bytes = createHash('shake256', { outputLength: Math.max(64, Math.round(kib * 1024)) })
  await writeFile(file, bytes.update(file.slice(file.lastIndexOf('/', file.lastIndexOf('/data/') - 1))).digest())
  await utimes(file, at, at)
}

async function removeOldest(folder: string, share: number): Promise<void> {
  const names = (await readdir(folder)).sort()
  for (const name of names.slice(0, Math.floor(names.length * share))) await rm(join(folder, name))
}

function nameOf(at: Date): string {
  return `${at.toISOString().slice(0, 10)}.bin`
}

/** From 0 to 1, the same for the same text. */
export function chance(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE() / 2 ** 32
}
