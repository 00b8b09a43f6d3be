// Hosts and the folders given to their agents.
import type { MountVerdict } from 'db/domain/host'
import { count, plural } from '../format.ts'

export const host = {
  title: 'Hosts',
  online: 'Agent online',
  offline: 'Agent offline',
  since: 'since',
  never: 'Agent never connected',
  neverHint: 'Start the agent with the settings shown when the host was added.',
  docker: (version: string) => `Docker ${version}`,
  dockerThen: (reachable: boolean) => (reachable ? 'Docker could be reached then' : 'Docker could not be reached then'),
  dockerUnreachable: 'Docker cannot be reached',
  dockerHint: 'Archives that stop containers fail before touching anything; “live” ones work.',
  disk: (free: string, total: string) => `${free} free of ${total}`,
  diskLabel: 'Disk of the archives folder',
  archivesDir: 'Archives folder',
  agentVersion: (version: string) => `Agent ${version}`,
  one: 'Host',
  unknown: (id: number) => `There is no host with the number ${id}.`,
  open: (name: string) => `Open host ${name}`,
  offlineHint:
    'Is the machine up, and does it reach the database? On the host, “docker compose ps” and “docker compose logs agent” say what its agent does. It connects again by itself; nothing of this host is backed up until then.',
  lastSeen: 'Last heard of',
  agent: 'Agent',
  agentSince: 'running since',
  dockerTitle: 'Docker',
  diskTitle: 'Disk',
  added: 'Added',
  stacks: 'Stacks',
  noStacks: 'Its agent has found no stack yet.',
  archives: 'Archives that back it up',
  noArchives: 'No archive holds a stack of this host.',
  parallel: 'Stacks archived side by side',
  parallelHint: 'From 1 to 16. More is faster on fast disks, and stops more stacks at the same time.',
  parallelSaved: 'Saved how many stacks are archived side by side.',
  mounts: 'Folders given to the agent',
  mountsOf: (host: string) => `Folders given to the agent of ${host}`,
  noMounts: 'This agent scans no folder.',
  noMountsContainer:
    'Mount the folder that holds your stacks into the agent, at the same path: add “/srv/stacks:/srv/stacks” under volumes of the service “agent”, then run docker compose up -d.',
  noMountsPlain: 'Set STACKS_DIRS to the folders that hold your stacks, separated by commas, and start again.',
  verdicts: {
    scanned: 'Scanned',
    exempt: 'Not scanned, on purpose',
    mismatch: 'Paths differ',
    missing: 'Missing',
    unreadable: 'Cannot be read',
  } satisfies Record<MountVerdict, string>,
  mountStacks: (n: number) => (n === 0 ? 'no stack found' : plural(n, 'stack')),
  mountMapped: (source: string) => `on the host: ${source}`,
  unreachableProjects: 'Running, but out of the agent’s sight',
  mismatchTitle: (n: number) =>
    n === 1
      ? 'A folder is mounted at another path than on its host'
      : `${count(n)} folders are mounted at other paths than on their hosts`,
  mismatchIntro:
    'Docker on the host would look for these paths in the wrong place, so stacks below them are not listed.',
  mismatchFix: 'Fix',
  mismatchLine: (source: string) => `- ${source}:${source}`,
  mismatchWas: (source: string, path: string) => `mounted as ${source}:${path}`,
  emptyTitle: 'No host yet',
  empty:
    'A host is a machine whose stacks are backed up. Add one, then start the agent there with the settings you are given.',
  emptyViewer: 'A host is a machine whose stacks are backed up. Ask an administrator to add one.',
  add: 'Add a host',
  name: 'Name of the host',
  nameHint: 'Lower-case letters, digits, dot, dash, underscore; for example nas1.',
  nameError: 'Give a name of lower-case letters, digits, dots, dashes or underscores, at most 40 characters.',
  create: 'Add host',
  created: (name: string) => `Host ${name} is added. Start its agent with this:`,
  createdHint:
    'The password is shown once, now. Put your database’s address, and the folders that hold your stacks, where the comments say.',
  copySnippet: 'Copy',
  copied: 'Copied.',
  copyFailed: 'The browser refused to copy. Select the text instead.',
}
