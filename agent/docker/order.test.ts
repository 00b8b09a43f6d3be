import type { ContainerInspectInfo } from 'dockerode'
import { expect, test } from 'vitest'
import { needsOf, startOrder, stopOrder } from './order.ts'

function container(name: string, dependsOn = '', host: Record<string, unknown> = {}): ContainerInspectInfo {
  const labels = {
    'com.docker.compose.project': 'shop',
    'com.docker.compose.service': name,
    ...(dependsOn && { 'com.docker.compose.depends_on': dependsOn }),
  }
  return {
    Id: `id-${name}`,
    Name: `/shop-${name}-1`,
    Config: { Labels: labels },
    HostConfig: host,
  } as unknown as ContainerInspectInfo
}

function order(containers: ContainerInspectInfo[]): string[][] {
  const ordered = containers.map((one) => ({ id: one.Id, needs: needsOf(one, containers) }))
  return startOrder(ordered).map((group) => group.map(({ id }) => id.slice(3)).sort())
}

test('what others depend on starts first and stops last', () => {
  const containers = [
    container('web', 'api:service_started:false,db:service_healthy:true'),
    container('api', 'db:service_started:false'),
    container('db'),
  ]
  expect(order(containers)).toEqual([['db'], ['api'], ['web']])
  const ordered = containers.map((one) => ({ id: one.Id, needs: needsOf(one, containers) }))
  expect(stopOrder(ordered).map((group) => group.map(({ id }) => id))).toEqual([['id-web'], ['id-api'], ['id-db']])
})

test('only a healthy condition is waited for, and one that has ended is not missed', () => {
  const migrate = container('migrate')
  const db = container('db')
  const web = container('web', 'db:service_healthy:false,migrate:service_completed_successfully:false')
  expect(needsOf(web, [db, migrate, web])).toEqual([{ id: 'id-db', healthy: true }])
})

test('every container of a scaled service is needed', () => {
  const first = container('db')
  const second = { ...container('db'), Id: 'id-db2', Name: '/shop-db-2' } as ContainerInspectInfo
  expect(needsOf(container('web', 'db:service_started:false'), [first, second]).map(({ id }) => id)).toEqual([
    'id-db',
    'id-db2',
  ])
})

test('a shared network, process or IPC namespace and a link count as dependencies, by id and by name', () => {
  const vpn = container('vpn')
  for (const host of [
    { NetworkMode: 'container:id-vpn' },
    { NetworkMode: 'container:shop-vpn-1' },
    { PidMode: 'container:id-vpn' },
    { IpcMode: 'container:id-vpn' },
    { Links: ['/shop-vpn-1:/shop-torrent-1/vpn'] },
  ])
    expect(order([container('torrent', '', host), vpn]), JSON.stringify(host)).toEqual([['vpn'], ['torrent']])
})

test('a cycle still starts everything', () => {
  expect(
    order([container('a', 'b:service_started:false'), container('b', 'a:service_started:false'), container('c')]),
  ).toEqual([['c'], ['a', 'b']])
})

test('a service of the same name in another project is no dependency', () => {
  const other = container('db')
  ;(other.Config.Labels as Record<string, string>)['com.docker.compose.project'] = 'blog'
  expect(needsOf(container('web', 'db:service_started:false'), [other])).toEqual([])
})
