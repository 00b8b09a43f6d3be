import { expect, test } from 'vitest'
import { notMounted } from './mounted.ts'

test('a volume that Docker has not mounted shows the folder it would be mounted on', () => {
  const mountinfo = [
    '92 74 254:0 /srv/films /.archiver/volumes/bound ro,relatime - ext4 /dev/vda rw',
    '93 74 0:44 / /.archiver/volumes/memory ro,relatime - tmpfs tmpfs rw,size=1024k',
    '94 74 254:0 /var/lib/docker/volumes/away/_data /.archiver/volumes/away ro,relatime - ext4 /dev/vda rw',
  ].join('\n')
  expect(notMounted(['bound', 'memory'], mountinfo)).toEqual([])
  expect(notMounted(['bound', 'away', 'unknown'], mountinfo)).toEqual(['away', 'unknown'])
})
