// The sections of the settings, and who is offered which.
import type { Role } from './rows.ts'
import { words } from './words.ts'

export const sections = ['general', 'notifications', 'security', 'cleanup', 'users', 'tokens', 'audit'] as const
type Section = (typeof sections)[number]

const forEverybody: readonly Section[] = ['general', 'cleanup', 'tokens']

export interface Offered {
  href: string
  name: string
  text: string
}

export function sectionsFor(may: (role: Role) => boolean): Offered[] {
  return sections
    .filter((section) => forEverybody.includes(section) || may('admin'))
    .map((section) => ({ href: `/settings/${section}`, ...words.settings.sections[section] }))
}
