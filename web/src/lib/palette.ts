// What the command palette offers for what was typed.
import { size } from './format.ts'
import type { Archive, Backup, Host, Role, Stack } from './rows.ts'
import { sectionsFor } from './settings-sections.ts'
import { words } from './words.ts'

export interface Entry {
  /** One of its kind among all entries. */
  key: string
  text: string
  /** What tells it apart from others of its name. */
  hint: string
  does: { go: string } | { run: number }
}

export interface Group {
  title: string
  entries: Entry[]
}

interface Known {
  may: (role: Role) => boolean
  archives: readonly Archive[]
  stacks: readonly Stack[]
  hosts: readonly Host[]
  /** The newest ones. */
  backups: readonly Backup[]
}

/** Of each kind; more would hide the others. */
const mostOfAKind = 6

/** Groups that have an entry for it; with nothing typed, where one can go and what one can run. */
export function entriesFor(typed: string, known: Known): Group[] {
  const wanted = typed.trim().toLowerCase().split(/\s+/).filter(Boolean)
  const fits = (entry: Entry) => {
    const text = `${entry.text} ${entry.hint}`.toLowerCase()
    return wanted.every((word) => text.includes(word))
  }
  const { groups } = words.palette
  const all: Group[] = [
    { title: groups.jobs, entries: jobByNumber(typed) },
    { title: groups.pages, entries: pages(known.may).filter(fits) },
    { title: groups.run, entries: runs(known).filter(fits) },
  ]
  if (wanted.length > 0)
    all.push(...things(known).map(({ title, entries }) => ({ title, entries: entries.filter(fits) })))
  return all
    .filter(({ entries }) => entries.length > 0)
    .map(({ title, entries }) => ({ title, entries: title === groups.pages ? entries : entries.slice(0, mostOfAKind) }))
}

function pages(may: Known['may']): Entry[] {
  const { nav, palette } = words
  const places = [
    { href: '/', text: nav.dashboard },
    { href: '/stacks', text: nav.stacks },
    { href: '/archives', text: nav.archives },
    ...(may('admin') ? [{ href: '/archives/new', text: palette.newArchive }] : []),
    { href: '/history', text: nav.history },
    { href: '/backups', text: nav.backups },
    { href: '/downloads', text: nav.downloads },
    { href: '/hosts', text: nav.hosts },
    { href: '/settings', text: nav.settings },
    { href: '/profile', text: nav.profile },
    ...sectionsFor(may).map(({ href, name }) => ({ href, text: `${nav.settings}: ${name}` })),
  ]
  return places.map(({ href, text }) => ({ key: href, text, hint: '', does: { go: href } }))
}

function runs({ may, archives }: Known): Entry[] {
  if (!may('operator')) return []
  return archives.map(({ id, name }) => ({
    key: `run ${id}`,
    text: words.palette.run(name),
    hint: '',
    does: { run: id },
  }))
}

/** A number alone is a job's. */
function jobByNumber(typed: string): Entry[] {
  const id = Number(/^#?(\d{1,15})$/.exec(typed.trim())?.[1])
  return id > 0 ? [{ key: `job ${id}`, text: words.palette.job(id), hint: '', does: { go: `/history/${id}` } }] : []
}

function things({ archives, stacks, hosts, backups }: Known): Group[] {
  const { groups } = words.palette
  return [
    {
      title: groups.archives,
      entries: archives.map(({ id, name }) => ({
        key: `archive ${id}`,
        text: name,
        hint: '',
        does: { go: `/archives/${id}` },
      })),
    },
    {
      title: groups.stacks,
      entries: stacks.map(({ id, name, host, path }) => ({
        key: `stack ${id}`,
        text: name,
        hint: `${host}: ${path}`,
        does: { go: `/stacks/${id}` },
      })),
    },
    {
      title: groups.backups,
      entries: backups.map(({ id, path, size_bytes }) => ({
        key: `backup ${id}`,
        text: path.slice(path.lastIndexOf('/') + 1),
        hint: `${path.slice(0, path.lastIndexOf('/'))}, ${size(size_bytes)}`,
        does: { go: `/backups/${id}` },
      })),
    },
    {
      title: groups.hosts,
      entries: hosts.map(({ id, name }) => ({ key: `host ${id}`, text: name, hint: '', does: { go: `/hosts/${id}` } })),
    },
  ]
}
