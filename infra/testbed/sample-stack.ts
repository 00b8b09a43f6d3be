// The stack most scenarios use: a shop whose web waits for a healthy db. Without networks, whose coming and going costs time.
import { randomBytes } from 'node:crypto'
import { compose, composeUp, makeStack, type StackOptions, type TestStack } from './stack.ts'

/** A name that no other stack on this engine has. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomBytes(4).toString('hex')}`
}

const shopYaml = `
services:
  web:
    image: archiver-test/busybox
    network_mode: none
    command: ["httpd", "-f", "-p", "80", "-h", "/site"]
    stop_grace_period: 1s
    depends_on:
      db: { condition: service_healthy }
    volumes: ["./site:/site"]
  db:
    image: archiver-test/busybox
    network_mode: none
    command: ["sh", "-c", "touch /data/ready; trap 'rm -f /data/ready; exit 0' TERM; while :; do sleep 0.1; done"]
    stop_grace_period: 5s
    healthcheck: { test: ["CMD", "test", "-f", "/data/ready"], interval: 1s, timeout: 2s, retries: 5 }
    volumes: ["data:/data"]
  idle:
    image: archiver-test/busybox
    network_mode: none
    command: ["sleep", "1000000"]
    stop_grace_period: 1s
volumes:
  data: {}
`

/** The shop with the network that Compose makes. */
export const shopWithNetwork = shopYaml.replaceAll('    network_mode: none\n', '')

/** The shop whose web takes its time to stop, so that a test can do something meanwhile. */
export const slowToStop = shopYaml.replace('stop_grace_period: 1s', 'stop_grace_period: 4s')

/** Up, but for the service idle, which its owner has stopped. */
export async function startShop(options: Partial<StackOptions> = {}): Promise<TestStack> {
  const stack = await makeStack({
    name: uniqueName('shop'),
    composeYaml: shopYaml,
    files: { 'site/index.html': '<h1>Shop</h1>\n' },
    ...options,
  })
  try {
    await composeUp(stack.folder, '--wait', 'web', 'db')
    await compose(stack.folder, 'create', 'idle')
    return stack
  } catch (error) {
    await stack[Symbol.asyncDispose]()
    throw error
  }
}
