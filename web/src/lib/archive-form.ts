// What the archive editor holds: texts as typed, and how they become the API's body.
import { defaultArchive, levels, type ArchiveMode } from 'db/domain/archive'
import type { Archive, ArchiveBody } from './rows.ts'
import { words } from './words.ts'

export interface ArchiveForm {
  name: string
  stack_ids: number[]
  mode: ArchiveMode
  include_volumes: boolean
  level: number | null
  /** Minutes; the API counts seconds. */
  downtime_minutes: number | null
  time_zone: string
}

/** The API's names of the fields; errors come under the same. */
export type FieldErrors = Partial<Record<keyof ArchiveBody, string>>

/** Seconds, as the database allows. */
const downtime = { min: 10, max: 86_400 }

export function newForm(timeZone: string, stackIds: number[]): ArchiveForm {
  const { mode, level, include_volumes, max_downtime } = defaultArchive
  return {
    name: '',
    stack_ids: stackIds,
    mode,
    include_volumes,
    level,
    downtime_minutes: max_downtime / 60,
    time_zone: timeZone,
  }
}

export function formOf(archive: Archive): ArchiveForm {
  const { name, stack_ids, mode, include_volumes, level, max_downtime, time_zone } = archive
  const downtime_minutes = Math.round((max_downtime / 60) * 100) / 100
  return { name, stack_ids: [...stack_ids], mode, include_volumes, level, downtime_minutes, time_zone }
}

/** The body to send, or what is wrong at which field. */
export function bodyOf(form: ArchiveForm): { body: ArchiveBody } | { errors: FieldErrors } {
  const { name, stack_ids, mode, include_volumes, level, downtime_minutes, time_zone } = form
  const max_downtime = Math.round((downtime_minutes ?? NaN) * 60)
  const levelFits = level !== null && Number.isInteger(level) && level >= levels.min && level <= levels.max
  const downtimeFits = max_downtime >= downtime.min && max_downtime <= downtime.max
  const errors: FieldErrors = {
    ...(name.trim() === '' && { name: words.archive.errors.name }),
    ...(stack_ids.length === 0 && { stack_ids: words.archive.errors.stacks }),
    ...(!levelFits && { level: words.archive.errors.level(levels.min, levels.max) }),
    ...(!downtimeFits && { max_downtime: words.archive.errors.maxDowntime }),
  }
  if (!levelFits || Object.keys(errors).length > 0) return { errors }
  return { body: { name: name.trim(), stack_ids, mode, include_volumes, level, max_downtime, time_zone } }
}
