// Runs before each scenario file: points Docker's client at the engine of the tests, and skips what cannot run here.
import { beforeEach, inject } from 'vitest'
import './engine-setup.ts'

const dockerHost = inject('dockerHost')
if (dockerHost !== '') process.env['DOCKER_HOST'] = dockerHost

beforeEach(({ skip }) => {
  const missing = inject('missing')
  if (missing.length > 0) skip(`This machine lacks ${missing.join(', ')}`)
})
