// Reads an event stream the way `EventSource` does.

export interface StreamEvent {
  event: string
  id: string | undefined
  data: any
}

/** Yields events until the stream ends or `signal` is aborted. Comments are passed over. */
export async function* readEvents(
  url: string,
  headers: Record<string, string>,
  signal?: AbortSignal,
): AsyncGenerator<StreamEvent> {
  const response = await fetch(url, { headers, ...(signal && { signal }) })
  if (!response.ok || !response.body) throw new Error(`${response.status}: ${await response.text()}`)
  let rest = ''
  try {
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + chunk).split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) {
        const field = (name: string) =>
          block
            .split('\n')
            .find((line) => line.startsWith(`${name}: `))
            ?.slice(name.length + 2)
        const [event, data] = [field('event'), field('data')]
        if (event !== undefined && data !== undefined) yield { event, id: field('id'), data: JSON.parse(data) }
      }
    }
  } catch (error) {
    if (!signal?.aborted) throw error
  }
}
