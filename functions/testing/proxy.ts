// A road to the database that can be cut, as when it restarts or the network fails.
import { createServer, connect, type AddressInfo, type Socket } from 'node:net'

export interface Road {
  /** The database's URL, by this road. */
  url: string
  cut(): void
  mend(): void
  close(): Promise<void>
}

export async function makeRoad(databaseUrl: string): Promise<Road> {
  const target = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  let whole = true
  const server = createServer((near) => {
    if (!whole) return near.destroy()
    const far = connect(Number(target.port), target.hostname)
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => sockets.delete(socket))
      socket.pipe(other)
    }
    return undefined
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(databaseUrl)
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const cut = () => {
    whole = false
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: url.href,
    cut,
    mend: () => void (whole = true),
    async close() {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
