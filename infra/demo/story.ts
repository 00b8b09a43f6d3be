// What the demo tells: a household with three machines, and what happened to its backups in three months. Pure data.
import type { ArchiveFormat, ArchiveMode } from 'db/domain/archive'

export const hostNames = ['atlas', 'nas', 'cabin'] as const
export type HostName = (typeof hostNames)[number]

export interface DemoStack {
  name: string
  host: HostName
  /** Shown as the image of its first service; what runs is a busybox. */
  image: string
  /** Services beside the first one. */
  helpers?: string[]
  /** Whether a named volume belongs to it, too. */
  volume?: boolean
  /** A volume that cannot be archived: a file system in memory. */
  scratch?: boolean
  /** KiB that are there from the first day on. */
  base: number
  /** KiB that a day adds, on working days and on days of a weekend. */
  daily: [number, number]
  /** Days after which what a day added is removed again. */
  rotates?: number
  /** Days before now on which it was set up; default: before the story begins. */
  since?: number
}

export const stacks: DemoStack[] = [
  { name: 'gitea', host: 'atlas', image: 'gitea:1.24', helpers: ['db'], volume: true, base: 60, daily: [7, 2] },
  { name: 'grafana', host: 'atlas', image: 'grafana:12.1', volume: true, base: 30, daily: [9, 9] },
  { name: 'nextcloud', host: 'atlas', image: 'nextcloud:31', helpers: ['db', 'redis'], base: 300, daily: [14, 22] },
  { name: 'paperless', host: 'atlas', image: 'paperless-ngx:2.18', helpers: ['redis'], base: 90, daily: [12, 1] },
  { name: 'vaultwarden', host: 'atlas', image: 'vaultwarden:1.34', base: 20, daily: [1, 1] },
  { name: 'wiki', host: 'atlas', image: 'wiki:2.5', volume: true, base: 40, daily: [4, 1], since: 33 },
  { name: 'freshrss', host: 'nas', image: 'freshrss:1.27', base: 12, daily: [2, 2], since: 2 },
  { name: 'home-assistant', host: 'nas', image: 'home-assistant:2026.11', base: 40, daily: [14, 18], rotates: 21 },
  { name: 'immich', host: 'nas', image: 'immich:1.144', helpers: ['db'], base: 500, daily: [18, 70] },
  { name: 'jellyfin', host: 'nas', image: 'jellyfin:10.11', scratch: true, base: 260, daily: [4, 9] },
  { name: 'adguard', host: 'cabin', image: 'adguardhome:0.107', base: 10, daily: [6, 8], rotates: 14 },
  { name: 'zigbee2mqtt', host: 'cabin', image: 'zigbee2mqtt:2.6', helpers: ['mosquitto'], base: 16, daily: [1, 1] },
]

export interface DemoArchive {
  name: string
  /** Of these stacks, or of all of a host. */
  stacks: string[] | { allOf: HostName }
  mode: ArchiveMode
  format: ArchiveFormat
  cron: string | null
  keep: { days?: number; weeks?: number; months?: number; years?: number; onePerDay?: boolean }
  volumes?: boolean
}

export const archives: DemoArchive[] = [
  {
    name: 'Nightly',
    stacks: { allOf: 'atlas' },
    mode: 'stop',
    format: 'tar.zst',
    cron: '0 3 * * *',
    keep: { days: 7, weeks: 4, months: 3, onePerDay: true },
  },
  {
    name: 'Midday',
    stacks: ['paperless', 'vaultwarden'],
    mode: 'pause',
    format: 'tar.zst',
    cron: '0 13 * * mon-fri',
    keep: { days: 6, weeks: 3 },
  },
  {
    name: 'Smart home',
    stacks: ['home-assistant', 'adguard', 'zigbee2mqtt'],
    mode: 'live',
    format: 'tar.gz',
    cron: '15 2 * * *',
    keep: { days: 5, weeks: 3, months: 2, onePerDay: true },
  },
  {
    name: 'Media weekly',
    stacks: ['immich', 'jellyfin'],
    mode: 'stop',
    format: 'tar',
    cron: '30 4 * * sun',
    keep: { weeks: 6, months: 3, onePerDay: true },
    volumes: false,
  },
  {
    name: 'Monthly vault',
    stacks: ['vaultwarden', 'gitea'],
    mode: 'stop',
    format: 'folder',
    cron: '0 5 1 * *',
    keep: { months: 12, years: 3, onePerDay: true },
  },
  {
    name: 'Before updates',
    stacks: ['jellyfin'],
    mode: 'stop',
    format: 'tar.zst',
    cron: null,
    keep: { days: 30 },
  },
]

/** What went wrong in a run, by days before now. */
export interface Mishap {
  day: number
  stack: string
  archive: string
  status: 'failed' | 'warning' | 'cancelled'
  reason: string
}

const offline = 'the agent was out of contact when the run was due, and it is too late to catch up on it'
const full =
  'Not enough space in the archives folder: 41.0 MiB are free, and the last backup of this stack took 52.3 MiB. Nothing was stopped'
const changed = '1 file changed while being read'

export const mishaps: Mishap[] = [
  ...[78, 55, 27, 6].map((day) => mishap(day, 'paperless', 'Nightly', 'warning', changed)),
  ...[70, 43, 13].map((day) => mishap(day, 'home-assistant', 'Smart home', 'warning', changed)),
  mishap(38, 'nextcloud', 'Nightly', 'failed', full),
  mishap(38, 'paperless', 'Nightly', 'failed', full),
  ...[18, 17].flatMap((day) =>
    ['adguard', 'zigbee2mqtt'].map((stack) => mishap(day, stack, 'Smart home', 'failed', offline)),
  ),
  mishap(9, 'grafana', 'Nightly', 'warning', 'grafana-1 is unhealthy 60 s after it was started'),
]

function mishap(
  day: number,
  stack: string,
  archive: string,
  status: Mishap['status'],
  reason: string,
): Mishap {
  return { day, stack, archive, status, reason }
}

/** Days before now on which the server was off from midnight on, and for how many hours. */
export const outages = [{ day: 61, hours: 31 }]

/** Schedules were paused on this day before now, from 10 to 15 o'clock. */
export const maintenanceDay = 46

/** What a person did: ran an archive by hand. */
export const manualRuns = [
  { day: 37, hour: 9, archive: 'Nightly' },
  { day: 20, hour: 19, archive: 'Before updates' },
  { day: 16, hour: 21, archive: 'Smart home' },
]

/** Days before now on which much came to a stack, or went from it: KiB that are added, or the share that goes. */
export const upheavals: { day: number; stack: string; adds?: number; removes?: number }[] = [
  { day: 66, stack: 'immich', adds: 900 },
  { day: 52, stack: 'nextcloud', adds: 600 },
  { day: 30, stack: 'grafana', removes: 0.7 },
  { day: 25, stack: 'nextcloud', removes: 0.3 },
]

/** A person said on this day before now that the smaller backups of grafana are right. */
export const acknowledged = { day: 28, stack: 'grafana' }
