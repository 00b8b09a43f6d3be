// Bounds for questions whose answer may never come: a daemon that hangs, a network file system that is away.

/** Rejects with the signal's reason at its abort, or after `ms` with a sentence that says what did not answer. */
export async function within<T>(ms: number, what: string, work: Promise<T>, signal?: AbortSignal): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  let stopListening = () => {}
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not answer within ${Math.round(ms / 1000)} s`)), ms)
    const abort = () => reject(signal?.reason)
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort)
    stopListening = () => signal?.removeEventListener('abort', abort)
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
    stopListening()
  }
}
