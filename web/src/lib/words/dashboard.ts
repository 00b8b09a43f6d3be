// The dashboard, and the answer to “am I safe?”.
import { count } from '../format.ts'

export const safety = {
  label: 'Am I safe?',
  noHost: 'No host is connected yet, so nothing is backed up.',
  noStack: 'No stack has been found yet, so nothing is backed up.',
  allGood: (n: number) =>
    n === 1 ? 'The one stack found has a good backup' : `All ${count(n)} stacks have a good backup`,
  butHosts: (hosts: string) => `, but ${hosts}`,
  newest: (oldest: string) => `The oldest of these backups was made ${oldest}.`,
  newestOfOne: (oldest: string) => `It was made ${oldest}.`,
  attention: (n: number, of: number) =>
    of === 1
      ? 'The one stack found needs attention'
      : `${count(n)} of ${count(of)} stacks ${n === 1 ? 'needs' : 'need'} attention`,
  andMore: (n: number) => `and ${count(n)} more`,
  gone: 'its directory has vanished',
  notInArchive: 'not in any archive',
  noBackup: 'no backup yet',
  lastFailed: 'the last run made no backup of it',
  lastCancelled: 'the last run was cancelled before its backup was made',
  incomplete: 'the last backup is incomplete',
  corrupt: 'the last backup is corrupt',
  deleted: 'the last backup was deleted',
  hostNever: (name: string) => `the agent of host ${name} has never connected`,
  hostOffline: (name: string) => `the agent of host ${name} is offline`,
  hostDocker: (name: string) => `Docker cannot be reached on host ${name}`,
  hostsOnly: (hosts: string) => `${hosts.charAt(0).toUpperCase()}${hosts.slice(1)}.`,
}

export const dashboard = { page: 'Dashboard', recentJobs: 'Recent jobs', allJobs: 'All jobs' }
