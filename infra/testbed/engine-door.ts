// A door to a Docker Engine through which only containers, volumes and events with a certain label are seen.
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Passes requests on; lists name only what carries the label, `name` or `name=value`. `engine` is a value for DOCKER_HOST. */
export async function openDoor(socket: string, engine: string, label: string): Promise<AsyncDisposable> {
  const target = addressOf(engine || process.env['DOCKER_HOST'] || 'unix:///var/run/docker.sock')
  const server = createServer((asked, answer) => pass(asked, answer, target, label))
  server.on('upgrade', (asked: IncomingMessage, socket: Duplex) => passLines(asked, socket, target))
  await new Promise<void>((done, failed) => server.once('error', failed).listen(socket, done))
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

function pass(asked: IncomingMessage, answer: ServerResponse, target: object, label: string): void {
  const onward = request(
    { ...target, method: asked.method, path: narrowed(asked.url ?? '/', label), headers: asked.headers },
    (found) => {
      answer.writeHead(found.statusCode ?? 502, found.headers)
      answer.flushHeaders()
      found.pipe(answer)
    },
  )
  onward.on('error', () => answer.destroy())
  answer.on('close', () => onward.destroy())
  asked.pipe(onward)
}

/** Joins the two ends of what becomes a stream: the input and output of a helper container. */
function passLines(asked: IncomingMessage, socket: Duplex, target: object): void {
  const onward = request({ ...target, method: asked.method, path: asked.url, headers: asked.headers })
  onward.on('upgrade', (found, other) => {
    const headers = Object.entries(found.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`)
    socket.write(`HTTP/1.1 101 UPGRADED\r\n${headers.join('')}\r\n`)
    socket.pipe(other).pipe(socket)
    socket.on('error', () => other.destroy()).on('close', () => other.destroy())
    other.on('error', () => socket.destroy()).on('close', () => socket.destroy())
  })
  onward.on('response', () => socket.destroy()).on('error', () => socket.destroy())
  onward.end()
}

/** `/v1.51/containers/json?all=1` with a filter for the label. */
export function narrowed(path: string, label: string): string {
  const url = new URL(path, 'http://docker')
  if (!/^(\/v[\d.]+)?\/(containers\/json|volumes|events)$/.test(url.pathname)) return path
  const given = JSON.parse(url.searchParams.get('filters') ?? '{}') as Record<
    string,
    string[] | Record<string, boolean>
  >
  const labels = Array.isArray(given['label']) ? given['label'] : Object.keys(given['label'] ?? {})
  url.searchParams.set('filters', JSON.stringify({ ...given, label: [...labels, label] }))
  return url.pathname + url.search
}

function addressOf(dockerHost: string): object {
  const url = new URL(dockerHost)
  return url.protocol === 'unix:' ? { socketPath: url.pathname } : { host: url.hostname, port: url.port }
}
