// A proxy before several servers: each request goes to the next of them, as a load balancer without memory does it.
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface RoundRobin {
  url: string
  /** Which server answered, in order: its index. */
  taken: number[]
  /** Breaks off every answer that is under way. */
  cut(): void
  close(): Promise<void>
}

export async function roundRobin(targets: string[]): Promise<RoundRobin> {
  const taken: number[] = []
  let next = 0
  const server: Server = createServer((incoming, outgoing) => {
    const index = next++ % targets.length
    taken.push(index)
    const { hostname, port } = new URL(targets[index] as string)
    const onward = request(
      {
        hostname,
        port,
        path: incoming.url,
        method: incoming.method,
        headers: { ...incoming.headers, 'x-forwarded-for': incoming.socket.remoteAddress },
      },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
        answer.on('error', () => outgoing.destroy())
      },
    )
    onward.on('error', () => outgoing.destroy())
    outgoing.on('close', () => onward.destroy())
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken,
    cut: () => server.closeAllConnections(),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
