import type { Query } from '../connect.ts'
import { defaultSettings, type Settings, type SettingsSection } from '../domain/settings.ts'

/** One section, with defaults for what was never set. */
export async function readSettings<Section extends SettingsSection>(
  sql: Query,
  section: Section,
): Promise<Settings[Section]> {
  const [row] = await sql<
    { value: Partial<Settings[Section]> }[]
  >`select value from archiver.settings where section = ${section}`
  return { ...defaultSettings[section], ...row?.value }
}

/** Changes the fields that are given, and resolves with the whole section. */
export async function changeSettings<Section extends SettingsSection>(
  sql: Query,
  section: Section,
  changes: Partial<Settings[Section]>,
): Promise<Settings[Section]> {
  await sql`
    insert into archiver.settings (section, value) values (${section}, ${JSON.stringify(changes)}::text::jsonb)
    on conflict (section) do update set value = settings.value || excluded.value, updated_at = now()`
  await sql`select archiver.announce('settings')`
  return readSettings(sql, section)
}
