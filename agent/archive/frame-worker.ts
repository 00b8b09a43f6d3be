// A thread of the archive process.
import { parentPort } from 'node:worker_threads'
import { FrameMaker } from './frame-maker.ts'
import type { ToWorker } from './frame-jobs.ts'

const maker = new FrameMaker()

parentPort?.on('message', (message: ToWorker) => {
  const answer = maker.answer(message)
  if (answer) parentPort?.postMessage(answer)
})
