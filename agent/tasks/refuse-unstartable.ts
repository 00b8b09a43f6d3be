// A container runs on when a folder or file that it mounts is removed, but Docker cannot start it again once it is stopped.
import { stat } from 'node:fs/promises'
import type { ContainerInspectInfo } from 'dockerode'
import { onHost, type OwnContainer } from '../docker/engine.ts'
import { nameOf } from '../docker/stop-stack.ts'
import type { StoppedContainer } from '../docker/stopped-container.ts'
import { codeOf } from '../durable.ts'

/** Throws for a container that would not come back. Only what this process can look at is known to be gone. */
export async function refuseUnstartable(
  toStop: StoppedContainer[],
  all: ContainerInspectInfo[],
  own: OwnContainer | null,
  dataRoot: string,
): Promise<void> {
  const sees = async (path: string) => (own ? onHost(path, own) === path : isHere(dataRoot))
  for (const container of all.filter(({ Id }) => toStop.some(({ id, action }) => id === Id && action === 'stop')))
    for (const { Source, Type } of container.Mounts as { Source: string; Type: string }[])
      if (Type === 'bind' && !(await isHere(Source)) && (await sees(Source)))
        throw new Error(
          `${Source}, which ${nameOf(container)} mounts, is not there any more: Docker could not start it again. Nothing was stopped`,
        )
}

async function isHere(path: string): Promise<boolean> {
  const code = await stat(path).then(() => '', codeOf)
  return code !== 'ENOENT' && code !== 'ENOTDIR'
}
