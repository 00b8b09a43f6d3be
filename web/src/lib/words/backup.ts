// Backups.
import type { BackupState } from 'db/domain/backup'
import { plural } from '../format.ts'

export const backup = {
  title: 'Backups',
  states: {
    good: 'Good',
    incomplete: 'Incomplete',
    corrupt: 'Corrupt',
    deleted: 'Deleted',
  } satisfies Record<BackupState, string>,
  stateHints: {
    good: 'Complete and read back.',
    incomplete: 'Readable, but some of its source could not be read; the job’s log says what.',
    corrupt: 'Does not read back as it was written.',
    deleted: 'The file is no longer there.',
  } satisfies Record<BackupState, string>,
  verified: 'Verified',
  made: 'Made',
  madeBy: 'by archive',
  files: (n: number) => plural(n, 'file'),
  emptyTitle: 'No backup yet',
  empty: 'A backup is what one job makes of one stack. Run an archive, and its backups are listed here.',
  emptyFiltered: 'No backup matches.',
  filterStack: 'Stack',
  allStacks: 'All stacks',
  filterArchive: 'Archive',
  allArchives: 'All archives',
}
