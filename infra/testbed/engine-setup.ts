// What scenarios need of the machine, ready before the first one: Docker Engine, Compose, Chromium, the test image.
import type { TestProject } from 'vitest/node'
import { startEngine } from './engine.ts'
import { makeBusyboxImage } from './images.ts'
import { provision } from './provision.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A value for DOCKER_HOST; empty for the default socket. */
    dockerHost: string
    /** Names of what this machine lacks; scenarios are skipped then. */
    missing: string[]
  }
}

export default async function setup(project: TestProject) {
  const missing = await provision()
  const engine = missing.length === 0 ? await startEngine() : undefined
  if (missing.length === 0 && engine === undefined) missing.push('Docker Engine')
  project.provide('missing', missing)
  project.provide('dockerHost', engine?.host ?? '')
  if (engine === undefined) {
    console.error(`\n!!! ALL SCENARIOS ARE SKIPPED: this machine lacks ${missing.join(', ')}\n`)
    return
  }
  if (engine.host !== '') process.env['DOCKER_HOST'] = engine.host
  await using started = new AsyncDisposableStack()
  started.defer(engine.stop)
  await makeBusyboxImage()
  const toRelease = started.move()
  return () => toRelease.disposeAsync()
}
