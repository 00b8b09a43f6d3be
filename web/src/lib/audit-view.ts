// An entry of the audit log as people read it: what was done, to what, and what else is known.
import type { AuditEntry } from './rows.ts'
import { words } from './words.ts'

const pages: Record<string, string> = {
  archive: '/archives/',
  job: '/history/',
  backup: '/backups/',
  host: '/hosts/',
  settings: '/settings/',
  user: '/settings/users/',
}

interface Told {
  /** "changed archive"; an action without words of its own as it is called. */
  did: string
  /** Its name where one is known, else its number; empty for what needs none. */
  what: string
  href: string | null
  /** The rest, as "field: value". */
  details: string[]
}

export function told({ action, resource, resource_id, detail, user_id }: AuditEntry): Told {
  const { name, username, changed, ...rest } = detail
  const title = [name, username].find((text) => typeof text === 'string' && text !== '') as string | undefined
  const isAboutSelf = resource === 'session' || (action.startsWith('session.') && resource_id === user_id)
  const gone = action.endsWith('.delete') && resource !== 'backup'
  const page = pages[resource]
  const fields = { ...rest, ...(typeof changed === 'object' ? changed : {}) }
  return {
    did: words.audit.actions[action] ?? action,
    what: isAboutSelf || action === 'settings.test' ? '' : (title ?? resource_id),
    href: page && !gone && !isAboutSelf && resource_id !== '' ? `${page}${encodeURIComponent(resource_id)}` : null,
    details: Object.entries(fields)
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([field, value]) => `${field}: ${typeof value === 'string' ? value : JSON.stringify(value)}`),
  }
}
