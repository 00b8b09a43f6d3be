// What happens in the demo now, through the pages' own API: people, settings, and real jobs of every kind.
import { rename } from 'node:fs/promises'
import type { Backup } from 'db/queries/backups'
import type { Archive } from 'db/queries/archives'
import type { Host } from 'db/queries/hosts'
import type { Job } from 'db/queries/jobs'
import { startMailServer } from '../../functions/testing/mail-server.ts'
import { until } from '../testbed/until.ts'
import type { StacksOnDisk } from './stacks.ts'
import { hostNames, stacks as stacksOfStory } from './story.ts'

export interface Present {
  url: string
  /** Of everybody. */
  password: string
  people: { username: string; role: string }[]
  stacks: StacksOnDisk
  signal: AbortSignal
}

export async function playPresent({ url, password, people, stacks, signal }: Present): Promise<void> {
  const ask = await signIn(url, 'admin', password)
  for (const { username, role } of people.filter(({ role }) => role !== 'admin'))
    await ask('POST', '/api/users', { username, role, password, email: `${username}@example.org` })
  await until('three agents', async () => {
    const { hosts } = await ask<{ hosts: Host[] }>('GET', '/api/hosts')
    return hosts.filter(({ online, status }) => online && status).length === hostNames.length
  })
  signal.throwIfAborted()

  const { archives } = await ask<{ archives: Archive[] }>('GET', '/api/archives')
  const idOf = (name: string) => archives.find((archive) => archive.name === name)?.id ?? 0
  const start = async (path: string, body?: object) => (await ask<{ job_id: number }>('POST', path, body)).job_id
  const ended = (id: number) =>
    until(`job ${id} to end`, async () => {
      signal.throwIfAborted()
      const { job } = await ask<{ job: Job }>('GET', `/api/jobs/${id}`)
      return job.end_time !== null && job
    })
  const operate = (id: number, what: string, body?: object) => start(`/api/archives/${id}/${what}`, body)

  {
    await using mailServer = await startMailServer()
    await ask('PATCH', '/api/settings/notifications', {
      ...{ smtp_server: '127.0.0.1', smtp_port: mailServer.port, smtp_security: 'none', from: 'backup@example.org' },
      ...{ on_success: false, default_recipients: ['family@example.org'], attach_log: true },
    })
    // a disk that was not mounted, and the same once it was
    const lost = stacksOfStory.find(({ name }) => name === 'zigbee2mqtt')
    const folder = lost ? stacks.pathOf(lost) : ''
    await rename(folder, `${folder}.away`)
    const cancelled = await operate(idOf('Monthly vault'), 'run')
    await ask('POST', `/api/jobs/${cancelled}/cancel`)
    const failing = operate(idOf('Smart home'), 'run').then(ended)
    const nightly = ended(cancelled).then(() => operate(idOf('Nightly'), 'run')).then(ended)
    await failing.finally(() => rename(`${folder}.away`, folder))
    await Promise.all([operate(idOf('Smart home'), 'run').then(ended), nightly])
    signal.throwIfAborted()

    const { backups } = await ask<{ backups: Backup[] }>('GET', '/api/backups?limit=200')
    const of = (archive: string, stack: string) =>
      backups.filter((backup) => backup.archive_name === archive && backup.stack_name === stack)
    const pinned = of('Nightly', 'nextcloud').at(-1)
    if (pinned) await ask('POST', `/api/backups/${pinned.id}/pin`, { pinned: true })
    const vault = of('Monthly vault', 'vaultwarden')[0]
    const read = of('Nightly', 'gitea')[0]
    const trashed = of('Midday', 'paperless').at(-2)
    const links = [read, of('Media weekly', 'immich')[0], vault].flatMap((backup) => backup ?? [])
    for (const { id } of links)
      await ask('POST', '/api/downloads/request', { backup_id: id, notify_emails: ['robin@example.org'] })
    await Promise.all([
      read && start(`/api/backups/${read.id}/verify`).then(ended),
      trashed && ask<{ job_id: number }>('DELETE', `/api/backups/${trashed.id}`).then(({ job_id }) => ended(job_id)),
      operate(idOf('Nightly'), 'dry-run').then(ended),
      operate(idOf('Midday'), 'retention', { dry_run: false }).then(ended),
      start('/api/cleanup/run', { dry_run: true }).then(ended),
    ])
  }
  // nobody takes mail from here on
  await ended(await operate(idOf('Before updates'), 'run'))
}

type Ask = <Answer>(method: string, path: string, body?: object) => Promise<Answer>

/** As the pages do, with a cookie. */
async function signIn(url: string, username: string, password: string): Promise<Ask> {
  let cookie = ''
  const ask = async <Answer>(method: string, path: string, body?: object): Promise<Answer> => {
    const response = await fetch(url + path, {
      method,
      headers: { origin: url, cookie, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path} was answered with ${response.status}: ${text}`)
    cookie ||= response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    return (text === '' ? null : JSON.parse(text)) as Answer
  }
  await ask('POST', '/api/auth/sign-in/username', { username, password })
  return ask
}
