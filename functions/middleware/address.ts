// Where a request comes from: the socket's other end, or, where that is a proxy we trust, whom the proxy names.
import { BlockList, isIP, isIPv4 } from 'node:net'
import { getConnInfo } from '@hono/node-server/conninfo'
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { Env } from '../context.ts'

export function noteAddress(trustedProxies: readonly string[]) {
  const trusted = listOf(trustedProxies)
  return createMiddleware<Env>(async (c, next) => {
    c.set('address', clientAddress(socketAddress(c), c.req.header('x-forwarded-for'), trusted))
    return next()
  })
}

/**
 * Each proxy adds at the end of X-Forwarded-For whom it heard; so it is read from the end, as far as those who wrote it
 * are trusted. `socket` undefined: called by a platform without a socket of ours, which is believed as a proxy is.
 */
export function clientAddress(socket: string | undefined, forwarded: string | undefined, trusted: BlockList): string {
  const heard = (forwarded ?? '').split(',').map(plain).reverse()
  let address = socket === undefined ? undefined : plain(socket)
  for (const before of heard) {
    if (address !== undefined && !isTrusted(address, trusted)) break
    if (!isIP(before)) break
    address = before
  }
  return address ?? ''
}

/** Addresses and ranges such as 10.0.0.0/8; what is neither throws. */
export function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', bits] = range.split('/')
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}

function isTrusted(address: string, trusted: BlockList): boolean {
  return isIP(address) !== 0 && trusted.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
}

/** Without what surrounds it: spaces, a port, brackets, the IPv6 form of an IPv4 address. */
function plain(text: string): string {
  const trimmed = text.trim()
  const inner = /^\[([^\]]*)\](:\d+)?$/.exec(trimmed)?.[1] ?? /^([\d.]+):\d+$/.exec(trimmed)?.[1] ?? trimmed
  return /^::ffff:([\d.]+)$/i.exec(inner)?.[1] ?? inner
}

function socketAddress(c: Context): string | undefined {
  try {
    return getConnInfo(c).remote.address
  } catch {
    // called without a socket, as a serverless platform does
    return undefined
  }
}
