// Waits for what is going to be true. The limit is for a machine that is busy with something else.
import { expect } from 'vitest'

export function eventually<Value>(read: () => Value) {
  return expect.poll(read)
}
