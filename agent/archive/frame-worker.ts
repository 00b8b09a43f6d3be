// A thread of the archive process.
import { parentPort } from 'node:worker_threads'
import { FrameMaker } from './frame-maker.ts'
import type { ToWorker } from './frame-jobs.ts'

const maker = new FrameMaker((answer) => parentPort?.postMessage(answer))

parentPort?.on('message', (message: ToWorker) => {
  if (message.type === 'end') parentPort?.close()
  else maker.hear(message)
})
