// What a helper container runs: the same program that this agent is, from the agent's own image. An agent that runs
// outside a container has none: it gets an empty image, and lends its own files.
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type Docker from 'dockerode'
import { nodeOptions } from '../archive/child.ts'
import { within } from '../within.ts'
import type { OwnContainer } from './engine.ts'
import type { HelperMount } from './helper-container.ts'

export interface HelperProgram {
  image: string
  mounts: HelperMount[]
  /** Is an archive process. Arguments: names of the volumes that have to be mounted. */
  archive: string[]
  /** Does nothing, for as long as it is left alone. */
  idle: string[]
}

const emptyImage = 'docker-archiver/empty:1'
const checkout = fileURLToPath(new URL('../..', import.meta.url))
const program = fileURLToPath(new URL('../helper.ts', import.meta.url))

/** Throws when Docker does not answer or does not take the image. */
export async function helperProgram(docker: Docker, own: OwnContainer | null): Promise<HelperProgram> {
  const commands = {
    archive: [process.execPath, ...nodeOptions, program],
    idle: [process.execPath, '--eval', 'setInterval(() => {}, 2 ** 30)'],
  }
  if (own) return { image: own.image, mounts: [], ...commands }
  await makeEmptyImage(docker)
  const mounts = ownFiles().map((path): HelperMount => ({ type: 'bind', source: path, target: path }))
  return { image: emptyImage, mounts, ...commands }
}

/** Node, the libraries it has loaded, and the code. */
function ownFiles(): string[] {
  const { sharedObjects } = process.report.getReport() as unknown as { sharedObjects: string[] }
  const libraries = sharedObjects.filter((path) => path.startsWith('/')).map(dirname)
  const code = ['package.json', 'node_modules', 'db', 'agent'].map((name) => checkout + name)
  const all = [...new Set([...libraries, ...code, process.execPath])].filter((path) => existsSync(path))
  return all.filter((path) => !all.some((other) => path.startsWith(`${other}/`)))
}

async function makeEmptyImage(docker: Docker): Promise<void> {
  const there = await within(
    15_000,
    'Docker',
    docker
      .getImage(emptyImage)
      .inspect()
      .then(
        () => true,
        (error: unknown) => {
          if ((error as { statusCode?: number }).statusCode === 404) return false
          throw error
        },
      ),
  )
  if (there) return
  // a tar ends in two blocks of zeros; this one holds nothing else
  const [repo, tag] = emptyImage.split(':')
  const answer = await within(15_000, 'Docker', docker.importImage(Readable.from([Buffer.alloc(1024)]), { repo, tag }))
  await within(
    15_000,
    'Docker',
    new Promise<void>((resolve, reject) =>
      docker.modem.followProgress(answer, (error) => (error ? reject(error) : resolve())),
    ),
  )
}
