// `docker compose up -d` of the shipped file, without an .env: from nothing to a backup.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { api } from '../testbed/api.ts'
import { makeArchiverProject } from '../testbed/archiver-project.ts'
import { launchBrowser, open } from '../testbed/browser.ts'
import { containersOf, docker } from '../testbed/docker.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { busyboxImage } from '../testbed/images.ts'
import { run } from '../testbed/run.ts'
import { uniqueName } from '../testbed/sample-stack.ts'
import { composeUp, makeStack } from '../testbed/stack.ts'
import { until } from '../testbed/until.ts'

const notes = `services:
  app:
    image: ${busyboxImage}
    command: sh -c "echo from the volume > /volume/kept; trap exit TERM; sleep 1000 & wait"
    volumes: [./data:/data, kept:/volume]
volumes:
  kept: {}
`

interface Host {
  id: number
  name: string
  online: boolean
  status: { docker: { reachable: boolean }; mounts: { source: string; path: string; verdict: string }[] } | null
}

test(
  'Running it: `docker compose up -d` → port 8080; the agent in a container finds the folders to scan from its own bind mounts; a mismatch is shown as a banner with the fix',
  { timeout: 900_000 },
  async () => {
    await using folder = await temporaryFolder()
    const stacksDir = join(folder.path, 'stacks')
    await using stack = await makeStack({
      name: uniqueName('notes'),
      parent: stacksDir,
      composeYaml: notes,
      files: { 'data/first note.txt': 'buy milk\n' },
    })
    await composeUp(stack.folder)
    const elsewhere = join(folder.path, 'elsewhere')
    await using archiver = await makeArchiverProject({
      folder: folder.path,
      stacksDir,
      override: `services: { agent: { volumes: ['${elsewhere}:/mnt/stacks'] } }\n`,
    })
    await archiver.up()

    const { cookie, token } = await setUp(archiver.url)
    const asAdmin = api(archiver.url, token)

    const host = await until('the agent to report its machine', async () => {
      const { body } = await asAdmin.get<{ hosts: Host[] }>('/api/hosts')
      return body.hosts.find((one) => one.online && one.status !== null)
    })
    expect(host).toMatchObject({ name: 'local', status: { docker: { reachable: true } } })
    expect(host.status?.mounts).toContainEqual(
      expect.objectContaining({ source: elsewhere, path: '/mnt/stacks', verdict: 'mismatch' }),
    )
    expect(await bannerOf(archiver.url, cookie)).toContain(`${elsewhere}`)

    const found = await until('the stack to be discovered', async () => {
      const { body } = await asAdmin.get<{ stacks: { id: number; name: string; own: boolean }[] }>('/api/stacks')
      return body.stacks.find(({ name }) => name === stack.name)
    })
    const created = await asAdmin.post<{ archive: { id: number } }>('/api/archives', {
      name: 'all',
      stack_ids: [found.id],
    })
    expect(created.status).toBe(201)
    const started = await asAdmin.post<{ job_id: number }>(`/api/archives/${created.body.archive.id}/run`)
    expect(started.status).toBe(202)
    const job = await until('the job to end', async () => {
      const { body } = await asAdmin.get<{ job: { status: string; reason: string } }>(
        `/api/jobs/${started.body.job_id}`,
      )
      return ['queued', 'running'].includes(body.job.status) ? undefined : body.job
    })
    const log = (await asAdmin.get<string>(`/api/jobs/${started.body.job_id}/log`)).body
    expect(job, log).toMatchObject({ status: 'success' })

    expect((await containersOf(stack.name))['app']?.State.Status).toBe('running')
    const backups = join(folder.path, 'archives', 'all', stack.name)
    const file = (await readdir(backups)).find((name) => name.endsWith('.tar.zst'))
    const names = await run('tar', ['--zstd', '-tf', join(backups, file ?? 'no backup')])
    expect(names).toContain(`${stack.name}/data/first note.txt`)
    expect(names).toMatch(/_volumes\/.*kept/)

    await staysAsItWas(archiver.url, token, archiver.up)
    await isLockedDown(archiver.name)
  },
)

/** The first admin over HTTP, and a token for the rest. */
async function setUp(url: string): Promise<{ cookie: string; token: string }> {
  const headers = { 'content-type': 'application/json', origin: url }
  const admin = { username: 'ada', email: 'ada@example.org', password: 'correct horse battery' }
  const answer = await fetch(`${url}/api/setup`, { method: 'POST', headers, body: JSON.stringify(admin) })
  expect(answer.status).toBe(201)
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const made = await fetch(`${url}/api/tokens`, {
    method: 'POST',
    headers: { ...headers, cookie },
    body: JSON.stringify({ name: 'scenario', role: 'admin' }),
  })
  expect(made.status).toBe(201)
  return { cookie, token: ((await made.json()) as { token: string }).token }
}

async function bannerOf(url: string, cookie: string): Promise<string> {
  await using browser = await launchBrowser()
  await using context = await browser.newContext()
  const [name = '', value = ''] = cookie.split(/=(.*)/s)
  await context.addCookies([{ name, value: decodeURIComponent(value), url }])
  const page = await context.newPage()
  await open(page, url)
  const banner = page.getByRole('region').filter({ hasText: '/mnt/stacks' })
  return await banner.first().innerText()
}

/** A second `up` keeps secrets, users and tokens. */
async function staysAsItWas(url: string, token: string, up: () => Promise<void>): Promise<void> {
  await up()
  expect((await api(url, token).get('/api/me')).status).toBe(200)
}

async function isLockedDown(project: string): Promise<void> {
  const services = await containersOf(project)
  const inspect = async (service: string, what: string) =>
    JSON.parse(await docker('inspect', '--format', `{{json ${what}}}`, services[service]?.Id ?? service)) as unknown
  expect(await inspect('server', '.Config.User')).toBe('node')
  const mounts = (await inspect('server', '.Mounts')) as { Destination: string; RW: boolean }[]
  expect(mounts.map(({ Destination, RW }) => [Destination, RW])).toEqual([['/run/secrets', false]])
  expect(services['secrets']?.State).toMatchObject({ Status: 'exited' })
  const environments = await Promise.all(['db', 'server', 'agent'].map((name) => inspect(name, '.Config.Env')))
  expect(JSON.stringify(environments)).not.toMatch(/postgres:\/\/|[0-9a-f]{64}/)
}
