// What the cleanup can do; each can be chosen on its own.

/** What an agent does on its host. */
export const hostCleanupTasks = [
  'orphaned_archives',
  'unreferenced_folders',
  'unreferenced_files',
  'stale_partials',
  'expired_trash',
  'expired_downloads',
] as const

/** expired_downloads: tokens in the database, too; old_logs: there alone. */
export const cleanupTasks = [...hostCleanupTasks, 'old_logs'] as const
export type CleanupTask = (typeof cleanupTasks)[number]
