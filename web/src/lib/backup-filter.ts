// What the address of the list of backups asks for; what makes no sense is passed over.
import { backupStates } from 'db/domain/backup'
import type { BackupFilter } from './rows.ts'

export function filterFrom({ searchParams }: { searchParams: Pick<URLSearchParams, 'get'> }): BackupFilter {
  const id = (name: string) => Number(/^[1-9]\d{0,14}$/.exec(searchParams.get(name) ?? '')?.[0]) || undefined
  const show = searchParams.get('show')
  const filter: BackupFilter = {
    stack_id: id('stack'),
    archive_id: id('archive'),
    host_id: id('host'),
    job_id: id('job'),
    state: backupStates.find((state) => state === searchParams.get('state')),
    trashed: show === 'trash' || undefined,
    pinned: show === 'pinned' || undefined,
    search: searchParams.get('search')?.trim().slice(0, 200) || undefined,
  }
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined))
}
