// Runs beside the other tests, which mostly wait: the scenario of docker-compose.yml then finds its images built.
import '../start/follow-parent.ts'
import { buildArchiverImages } from '../testbed/archiver-images.ts'
import { startEngine } from '../testbed/engine.ts'

const engine = await startEngine()
if (engine !== undefined) {
  const leave = async () => {
    await engine.stop()
    process.exit()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void leave())
  if (engine.host !== '') process.env['DOCKER_HOST'] = engine.host
  await buildArchiverImages().finally(leave)
}
