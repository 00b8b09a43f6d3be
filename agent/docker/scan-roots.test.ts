import { expect, test } from 'vitest'
import { ownIdFromMounts } from './engine.ts'
import { bindMountsOf, judgeMounts } from './scan-roots.ts'

const id = 'a'.repeat(64)
const mountinfo = `
1 0 0:50 / / rw - overlay overlay rw
2 1 0:51 / /proc rw - proc proc rw
3 1 8:1 /var/lib/docker/containers/${id}/hostname /etc/hostname rw - ext4 /dev/sda1 rw
4 1 8:1 /opt/stacks /opt/stacks rw - ext4 /dev/sda1 rw
5 1 8:2 /ann/my\\040stacks /home/ann/my\\040stacks rw - ext4 /dev/sdb1 rw
6 1 8:1 /srv/other /mnt/other rw - ext4 /dev/sda1 rw
7 1 8:1 /var/lib/docker/volumes/x/_data /data rw - ext4 /dev/sda1 rw
8 1 8:1 /run/docker.sock /var/run/docker.sock rw - ext4 /dev/sda1 rw
`

test('bind mounts are read from the kernel’s list when Docker does not answer', () => {
  expect(bindMountsOf(mountinfo)).toEqual([
    { path: '/opt/stacks', source: '/opt/stacks' },
    { path: '/home/ann/my stacks', source: '/home/ann/my stacks' },
    { path: '/mnt/other', source: '/srv/other' },
    { path: '/var/run/docker.sock', source: '/var/run/docker.sock' },
  ])
  expect(ownIdFromMounts(mountinfo)).toBe(id)
})

test('a mount under another path is not scanned, and the text says how to mend it', () => {
  const judged = judgeMounts(bindMountsOf(mountinfo), ['/archives'])
  expect(judged.map(({ path, verdict }) => [path, verdict])).toEqual([
    ['/opt/stacks', 'scanned'],
    ['/home/ann/my stacks', 'scanned'],
    ['/mnt/other', 'mismatch'],
    ['/var/run/docker.sock', 'exempt'],
  ])
  expect(judged[2]?.text).toContain('"/srv/other:/srv/other"')
})

test('the agent’s own mounts and Docker’s data are exempt, with all below them', () => {
  const roots = ['/archives', '/tmp/downloads', '/var/lib/docker/volumes', '/data/agent'].map((path) => ({
    path,
    source: `/other${path}`,
  }))
  expect(judgeMounts(roots, ['/data/agent', '/var/lib/docker']).every(({ verdict }) => verdict === 'exempt')).toBe(true)
})
