// Helper containers: short-lived and our own. One is the place of an archive process that sees what the agent does not;
// another holds volumes mounted that Docker would unmount with their last container.
import { randomUUID } from 'node:crypto'
import { PassThrough, type Duplex } from 'node:stream'
import type Docker from 'dockerode'
import type { ContainerInspectInfo } from 'dockerode'
import { messageOf } from 'db/domain/errors'
import { endedText } from '../archive/child.ts'
import type { EngineProcess } from '../archive/client.ts'
import { within } from '../within.ts'

const label = 'docker-archiver.helper'

export interface HelperMount {
  type: 'bind' | 'volume'
  /** Path on the host, or name of the volume. */
  source: string
  /** Path in the helper. */
  target: string
  writable?: boolean
}

export interface HelperContainer {
  name: string
  image: string
  command: string[]
  mounts: HelperMount[]
}

/** Its stdin closes with the agent, and with that it ends. */
const lines = {
  OpenStdin: true,
  StdinOnce: true,
  AttachStdin: true,
  AttachStdout: true,
  AttachStderr: true,
  Tty: false,
}

/** Milliseconds for each question: mounting a network volume is part of one. */
const patience = 60_000

export function newHelperName(): string {
  return `docker-archiver-helper-${randomUUID()}`
}

export function isHelper(container: Pick<ContainerInspectInfo, 'Config'>): boolean {
  return container.Config.Labels?.[label] !== undefined
}

/**
 * Starts one that does nothing but use its volumes. It outlives the agent: who starts it has journalled its name. Throws
 * with Docker's reason, or the signal's, and leaves nothing then.
 */
export async function startHolder(docker: Docker, helper: HelperContainer, signal: AbortSignal): Promise<void> {
  const creating = docker.createContainer(settingsOf(helper))
  try {
    await within(patience, 'Docker', creating, signal)
    await within(patience, 'Docker', docker.getContainer(helper.name).start(), signal)
  } catch (error) {
    throw notStarted(docker, helper, creating, error, signal)
  }
}

/** Starts an archive process in one. Resolves once it runs; throws with Docker's reason, or the signal's, and leaves nothing then. */
export async function startHelper(
  docker: Docker,
  helper: HelperContainer,
  signal: AbortSignal,
): Promise<EngineProcess> {
  const container = docker.getContainer(helper.name)
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  let errors = ''
  stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-2000)))
  const creating = docker.createContainer({ ...settingsOf(helper), ...lines })
  try {
    await within(patience, 'Docker', creating, signal)
    const stream = (await within(
      patience,
      'Docker',
      container.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true }),
      signal,
    )) as Duplex
    stream.on('error', () => {}) // how it ended is told below
    docker.modem.demuxStream(stream, stdout, stderr)
    const exit = container.wait({ condition: 'next-exit' }) as Promise<{ StatusCode: number }>
    // read once the stream has ended; until then a lost connection is no news
    exit.catch(() => {})
    await within(patience, 'Docker', container.start(), signal)
    return {
      pid: undefined,
      stdin: stream,
      stdout,
      ended: new Promise((resolve) => {
        const end = () => {
          stdout.end()
          void within(5_000, 'Docker', exit).then(
            ({ StatusCode }) => resolve(endedText(`exit code ${StatusCode}`, errors)),
            () => resolve(endedText('its container is gone', errors)),
          )
        }
        for (const event of ['end', 'close', 'error']) stream.once(event, end)
      }),
      kill() {
        stream.destroy()
        void removeHelper(docker, helper.name).catch(() => {})
      },
    }
  } catch (error) {
    throw notStarted(docker, helper, creating, error, signal)
  }
}

/** Why, in Docker's own words without the client's. */
function notStarted(
  docker: Docker,
  { name }: HelperContainer,
  creating: Promise<unknown>,
  error: unknown,
  signal: AbortSignal,
): unknown {
  // one that is made only now, too late, has to go as well
  void creating
    .then(
      () => removeHelper(docker, name),
      () => {},
    )
    .catch(() => {})
  if (signal.aborted) return signal.reason
  const { json } = error as { json?: { message?: string } | null }
  return new Error(`no helper container could be started: ${json?.message ?? messageOf(error)}`)
}

/** Kills it if need be, and removes it with volumes that were made for it alone. One that is not there is as good as removed. */
export async function removeHelper(docker: Docker, name: string): Promise<void> {
  try {
    await docker.getContainer(name).remove({ force: true, v: true, abortSignal: AbortSignal.timeout(10_000) })
  } catch (error) {
    const status = (error as { statusCode?: number }).statusCode
    // 409: Docker removes it already
    if (status !== 404 && status !== 409) throw error
  }
}

function settingsOf({ name, image, command, mounts }: HelperContainer): Docker.ContainerCreateOptions {
  return {
    name,
    Image: image,
    Entrypoint: command,
    Cmd: [],
    User: '0:0',
    // an image that Compose built passes its project's labels on
    Labels: { [label]: 'true', 'com.docker.compose.project': '', 'com.docker.compose.service': '' },
    Healthcheck: { Test: ['NONE'] },
    StopSignal: 'SIGKILL',
    HostConfig: {
      AutoRemove: true,
      NetworkMode: 'none',
      // owners are what they are on the host, whatever users containers are mapped to
      UsernsMode: 'host',
      SecurityOpt: ['label=disable', 'no-new-privileges'],
      ReadonlyRootfs: true,
      Tmpfs: { '/tmp': 'size=64m' },
      LogConfig: { Type: 'none', Config: {} },
      Mounts: mounts.map(({ type, source, target, writable = false }) => ({
        Type: type,
        Source: source,
        Target: target,
        ReadOnly: !writable,
        // the types ask for more than the engine does
        ...(type === 'volume' ? { VolumeOptions: { NoCopy: true } as never } : {}),
      })),
    },
  }
}
