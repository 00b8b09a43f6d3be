// Mails that are to be sent, or were: to whom, and what became of them.
import type { Query, Sql } from '../connect.ts'

export type MailKind = 'report' | 'error' | 'cleanup' | 'link' | 'corrupt' | 'test'

export interface Mail {
  id: number
  kind: MailKind
  job_id: number | null
  download_id: number | null
  recipients: string[]
  sent_to: string[]
  /** Mailboxes the mail server does not know. */
  refused: string[]
  state: 'queued' | 'sent' | 'failed'
  attempts: number
  /** Why it was not sent, or not to all; empty when nothing went wrong. */
  last_error: string
  /** What the mail server answered last when it took one. */
  response: string
  created_at: Date
  sent_at: Date | null
}

/** Newest first. */
export async function listMails(sql: Sql, filter: { before?: number | undefined; limit: number }): Promise<Mail[]> {
  return sql<Mail[]>`
    select ${mailColumns(sql)} from archiver.mails as m
    where ${filter.before ?? null}::bigint is null or m.id < ${filter.before ?? null}
    order by m.id desc limit ${filter.limit}`
}

function mailColumns(sql: Query) {
  return sql`m.id, m.kind, m.job_id, m.download_id, m.recipients, m.sent_to, m.refused, m.state, m.attempts,
    m.last_error, m.response, m.created_at, m.sent_at`
}

/** Addresses of all users who may sign in, and these; each once. */
export async function everybody(sql: Query, others: string[]): Promise<string[]> {
  const rows = await sql<{ address: string }[]>`
    select distinct on (lower(address)) address
    from (
      select u.email as address, 0 as place from auth."user" as u
      where not (coalesce(u.banned, false) and coalesce(u."banExpires" > now(), true))
      union all
      select other, 1 from unnest(${others}::text[]) as other
    ) as addresses
    where address <> ''
    order by lower(address), place`
  return rows.map(({ address }) => address)
}

export interface NewMail {
  kind: MailKind
  job_id?: number
  download_id?: number
  /** Names the piece of work that asks: one mail for each. */
  asked_by: string
  recipients: string[]
}

/** Has it sent soon. Once for each `asked_by`, however often this is called. */
export async function queueMail(sql: Sql, mail: NewMail): Promise<void> {
  const failed = mail.recipients.length === 0
  await sql.begin(async (sql) => {
    const [row] = await sql<{ id: number }[]>`
    insert into archiver.mails (kind, job_id, download_id, asked_by, recipients, state, last_error)
    values (${mail.kind}, ${mail.job_id ?? null}, ${mail.download_id ?? null}, ${mail.asked_by}, ${mail.recipients},
      ${failed ? 'failed' : 'queued'}, ${failed ? 'There is nobody to send it to' : ''})
    on conflict do nothing
    returning id`
    if (row && !failed) await sql`select archiver.send_mail_soon(${row.id})`
    if (row) await announce(sql, row.id)
  })
}

/** Makes this server the one that sends it, for ten minutes at most. Null when it needs no sending, or another is at it. */
export async function takeMail(sql: Sql, id: number): Promise<Mail | null> {
  const [mail] = await sql<Mail[]>`
    update archiver.mails as m
    set sending_until = now() + interval '10 minutes', attempts = m.attempts + 1
    where m.id = ${id} and m.state = 'queued' and (m.sending_until is null or m.sending_until < now())
    returning ${mailColumns(sql)}`
  if (mail) await announce(sql, id)
  return mail ?? null
}

export async function noteSent(sql: Sql, id: number, to: string, response: string): Promise<void> {
  await sql`
    update archiver.mails set sent_to = array_append(sent_to, ${to}), response = ${response}, sent_at = now()
    where id = ${id}`
  await announce(sql, id)
}

export async function noteRefused(sql: Sql, id: number, to: string, reason: string): Promise<void> {
  await sql`update archiver.mails set refused = array_append(refused, ${to}), last_error = ${reason} where id = ${id}`
  await announce(sql, id)
}

/** Every recipient has been dealt with: sent, unless none got it. */
export async function closeMail(sql: Sql, id: number): Promise<void> {
  await sql`
    update archiver.mails
    set state = case when cardinality(sent_to) > 0 then 'sent' else 'failed' end, sending_until = null,
      last_error = case when cardinality(refused) > 0 then last_error else '' end
    where id = ${id}`
  await announce(sql, id)
}

/**
 * This try came to nothing. final: there is to be no other. interrupted: nothing was wrong but that this server is
 * being stopped; the next tick has it sent (rescueMails).
 */
export async function noteFailure(
  sql: Sql,
  id: number,
  reason: string,
  what: 'again' | 'final' | 'interrupted',
): Promise<void> {
  await sql`
    update archiver.mails
    set state = ${what === 'final' ? 'failed' : 'queued'}, last_error = ${reason},
      sending_until = case when ${what === 'interrupted'} then now() end
    where id = ${id}`
  await announce(sql, id)
}

/** A mail that was sent, or not, while somebody waited. */
export async function recordTestMail(
  sql: Sql,
  to: string,
  result: { response: string } | { error: string },
): Promise<void> {
  const sent = 'response' in result
  await sql`
    insert into archiver.mails (kind, recipients, sent_to, state, attempts, last_error, response, sent_at)
    values ('test', ${[to]}, ${sent ? [to] : []}, ${sent ? 'sent' : 'failed'}, 1, ${sent ? '' : result.error},
      ${sent ? result.response : ''}, ${sent ? new Date() : null})`
  await announce(sql)
}

/** Tries at once what waits for its next try: the settings have changed, or the server turned out to work. */
export async function retryMails(sql: Query): Promise<void> {
  await sql`
    select archiver.send_mail_soon(id) from archiver.mails
    where state = 'queued' and attempts > 0 and sending_until is null`
}

/** Has those sent whose server died while it sent them, and those the queue has lost sight of. */
export async function rescueMails(sql: Query): Promise<void> {
  await sql`
    with abandoned as (
      update archiver.mails as m set sending_until = null
      where m.state = 'queued' and (m.sending_until < now() or m.sending_until is null and not exists (
        select from graphile_worker.jobs as q where q.key = 'send_mail:' || m.id))
      returning m.id
    )
    select archiver.send_mail_soon(id) from abandoned`
}

/** Pages that show mails read them again. */
async function announce(sql: Query, id: number | null = null): Promise<void> {
  await sql`select archiver.announce('mails', ${id}::bigint)`
}
