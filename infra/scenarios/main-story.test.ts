// The product's main job, as a person does it: from the first visit to a verified backup, and the stack running again.
import { chmod, chown, link, mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { launchBrowser, open } from '../testbed/browser.ts'
import { containersOf, docker } from '../testbed/docker.ts'
import { watchDockerEvents } from '../testbed/events.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { makeHouse } from '../testbed/house.ts'
import { run } from '../testbed/run.ts'
import { uniqueName } from '../testbed/sample-stack.ts'
import { composeUp, makeStack, type TestStack } from '../testbed/stack.ts'
import { treeOf } from '../testbed/tree.ts'

const yaml = `
services:
  web:
    image: archiver-test/busybox
    command: ["httpd", "-f", "-p", "80", "-h", "/site"]
    stop_grace_period: 1s
    depends_on:
      db: { condition: service_healthy }
    volumes: ["./site:/site"]
  db:
    image: archiver-test/busybox
    command: ["sh", "-c", "test -f /data/ready || touch /data/ready; exec sleep 1000000"]
    stop_grace_period: 1s
    healthcheck: { test: ["CMD", "test", "-f", "/data/ready"], interval: 1s, timeout: 2s, retries: 5 }
    volumes: ["data:/data"]
volumes:
  data: {}
`

/** Files that are easy to get wrong: odd modes, owners, times, links, names. */
async function furnish(folder: string): Promise<void> {
  await mkdir(join(folder, 'deep/er'), { recursive: true })
  await writeFile(join(folder, 'empty'), '')
  await writeFile(join(folder, 'deep/er/random.bin'), randomBytes(3 * 1024 * 1024 + 1))
  await writeFile(join(folder, 'ünïcode – name'), 'text')
  await link(join(folder, 'deep/er/random.bin'), join(folder, 'hard link'))
  await symlink('deep/er', join(folder, 'pointer'))
  await chmod(join(folder, 'empty'), 0o4751)
  await chown(join(folder, 'empty'), 1234, 5678)
  await chmod(join(folder, 'deep'), 0o2770)
  await utimes(join(folder, 'empty'), 1_000_000_000.123456, 1_000_000_000.123456)
  await utimes(join(folder, 'deep'), 1_100_000_000, 1_100_000_000)
}

async function volumeFolder(stack: TestStack): Promise<string> {
  return await docker('volume', 'inspect', '--format', '{{.Mountpoint}}', `${stack.name}_data`)
}

test('a person sets it up, picks a stack, presses Run, watches the log, and has a verified backup', async () => {
  await using stack = await makeStack({
    name: uniqueName('story'),
    composeYaml: yaml,
    files: { 'site/index.html': '<h1>Hello</h1>\n' },
  })
  await furnish(stack.folder)
  await composeUp(stack.folder, '--wait')
  const volume = await volumeFolder(stack)
  await furnish(volume)
  const [directoryBefore, volumeBefore] = [await treeOf(stack.folder), await treeOf(volume)]

  await using house = await makeHouse({ stacksDirs: [stack.parent], admin: false })
  await house.startAgent()
  await using browser = await launchBrowser()
  const page = await (await browser.newContext()).newPage()
  const loads: string[] = []
  page.on('framenavigated', (frame) => loads.push(frame.url()))

  await open(page, house.server.url)
  await page.waitForURL('**/setup')
  await page.getByLabel('User name').fill('ada')
  await page.getByLabel('E-mail address').fill('ada@example.org')
  await page.getByLabel('Password', { exact: true }).fill('a long password')
  await page.getByLabel('Password again').fill('a long password')
  await page.getByRole('button', { name: 'Create account' }).click()

  // by the list: the dashboard shows the first few, and stacks of other tests run on the engine, too
  await page.getByRole('navigation').getByRole('link', { name: 'Stacks' }).first().click()
  await page.getByLabel('Search stacks').fill(stack.name)
  await page.getByRole('link', { name: new RegExp(`Protect it.*${stack.name}`) }).click()
  await page.getByLabel('Name', { exact: true }).fill('nightly')
  expect(await page.getByRole('checkbox', { name: stack.name }).isChecked(), 'the stack one came from is chosen').toBe(
    true,
  )
  await page.getByRole('button', { name: 'Create archive' }).click()
  await page.getByText('Created archive nightly.').waitFor()

  await using events = await watchDockerEvents(stack.name)
  await page.getByRole('button', { name: /^Run/ }).first().click()
  await page.waitForURL('**/history/*')
  const loaded = loads.length
  const seen: string[] = []
  for (const text of [`Stopped ${stack.name}-web-1`, `Started ${stack.name}-db-1`, 'verified)', 'the job has ended']) {
    await page.getByText(text).first().waitFor()
    seen.push(text)
  }
  expect(seen).toHaveLength(4)
  expect(loads.length, 'no line needed a reload').toBe(loaded)
  await page.getByText('Succeeded', { exact: true }).first().waitFor()

  await events.until('start', 'web')
  expect(events.short('die', 'start')).toEqual(['die web', 'die db', 'start db', 'start web'])
  const healthy = events.events.find(({ action }) => action === 'health_status: healthy')
  const webStarted = events.events.find(({ action, service }) => action === 'start' && service === 'web')
  expect(healthy && webStarted && healthy.at < webStarted.at, 'web waited for a healthy db').toBe(true)
  const { web, db } = await containersOf(stack.name)
  expect([web?.State.Running, db?.State.Running]).toEqual([true, true])

  const [file] = (await readdir(house.archivesDir, { recursive: true })).filter((name) => name.endsWith('.tar.zst'))
  expect(file).toMatch(new RegExp(`^nightly/${stack.name}/\\d{8}_\\d{6}_${stack.name}\\.tar\\.zst$`))
  await using out = await temporaryFolder()
  await run('zstd', ['--test', '--quiet', join(house.archivesDir, file ?? '')])
  await run('tar', ['--zstd', '--numeric-owner', '-xpf', join(house.archivesDir, file ?? ''), '-C', out.path])
  expect(await treeOf(join(out.path, stack.name))).toEqual(directoryBefore)
  expect(await treeOf(join(out.path, '_volumes', `${stack.name}_data`))).toEqual(volumeBefore)
  expect(await readdir(join(out.path, '_archive'))).toEqual(['manifest.json', 'restore.sh'])

  await page.getByRole('link', { name: 'Backups' }).first().click()
  await page.getByText('Verified').first().waitFor()
})
