// The engine works with blocking calls, which are the fastest; between them it has to look up now and then, so that
// it notices the end of its stdin and tells its progress.
import { setImmediate } from 'node:timers/promises'

export class Pulse {
  files = 0
  bytes = 0
  readonly #tell: (files: number, bytes: number) => void
  #looked = performance.now()
  #told = performance.now()

  constructor(tell: (files: number, bytes: number) => void) {
    this.#tell = tell
  }

  /** Ask often: it costs a look at the clock. */
  due(): boolean {
    return performance.now() - this.#looked > 5
  }

  async beat(): Promise<void> {
    if (performance.now() - this.#told > 250) {
      this.#tell(this.files, this.bytes)
      this.#told = performance.now()
    }
    await setImmediate()
    this.#looked = performance.now()
  }
}
