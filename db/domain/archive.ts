// A configuration: which stacks, how, and when.

/** stop: containers are stopped while we read. pause: frozen. live: left alone. */
export const archiveModes = ['stop', 'pause', 'live'] as const
export type ArchiveMode = (typeof archiveModes)[number]

export const archiveFormats = ['tar.zst'] as const
export type ArchiveFormat = (typeof archiveFormats)[number]

export const defaultArchive = {
  mode: 'stop',
  format: 'tar.zst',
  level: 3,
  include_volumes: true,
  /** Seconds a stack may be down for a backup before it is started again and the backup given up. */
  max_downtime: 900,
} as const satisfies Partial<Record<string, unknown>>

/** zstd's own range; above 19 it needs a window that plain `zstd -d` refuses. */
export const levels = { min: 1, max: 19 } as const
