// A configuration: which stacks, how, and when.

/** stop: containers are stopped while we read. pause: frozen. live: left alone. */
export const archiveModes = ['stop', 'pause', 'live'] as const
export type ArchiveMode = (typeof archiveModes)[number]

/** folder: files as they are, in a folder. */
export const archiveFormats = ['tar.zst', 'tar.gz', 'tar', 'folder'] as const
export type ArchiveFormat = (typeof archiveFormats)[number]

export const defaultArchive = {
  mode: 'stop',
  format: 'tar.zst',
  level: 3,
  include_volumes: true,
  /** Folders and files outside the stack's directory that its containers mount. */
  include_bind_mounts: false,
  /** Seconds a stack may be down for a backup before it is started again and the backup given up. */
  max_downtime: 900,
  exclude: [],
  all_stacks_of_host: null,
  schedule_enabled: false,
  schedule_cron: '0 3 * * *',
  /** Seconds a run may be late and still run; 0: never. */
  catch_up_window: 10_800,
  retention_keep_days: 7,
  retention_keep_weeks: 4,
  retention_keep_months: 6,
  retention_keep_years: 2,
  retention_one_per_day: false,
} as const satisfies Partial<Record<string, unknown>>

/** zstd's own range; above 19 it needs a window that plain `zstd -d` refuses. */
export const levels = { min: 1, max: 19 } as const
