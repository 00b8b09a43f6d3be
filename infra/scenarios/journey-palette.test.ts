// The command palette, with the keyboard alone.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { launchBrowser, open } from '../testbed/browser.ts'
import { temporaryFolder } from '../testbed/folders.ts'
import { makeHouse } from '../testbed/house.ts'
import { addUser, complaintsOf, faultsOf, signIn } from '../testbed/pages.ts'

test('one goes anywhere, and runs an archive, by a few letters', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'wiki'))
  await writeFile(join(folder.path, 'wiki/compose.yaml'), 'services: {}\n')
  await using house = await makeHouse({ stacksDirs: [folder.path], containers: false })
  await house.startAgent()
  await house.makeArchive('nightly', [await house.findStack(join(folder.path, 'wiki'))], { mode: 'live' })
  await addUser(house.server.url, 'vera', 'viewer')

  await using browser = await launchBrowser()
  const page = await (await browser.newContext()).newPage()
  await signIn(page, house.server.url)
  const complaints = complaintsOf(page)
  const palette = page.getByRole('dialog', { name: 'Go to, run, find' })

  await page.keyboard.press('Control+k')
  await palette.waitFor()
  await palette.getByRole('option', { name: 'Run nightly' }).waitFor()
  expect(await faultsOf(page)).toEqual([])
  await page.keyboard.type('wiki')
  await palette.getByRole('option', { name: /^wiki/ }).waitFor()
  await page.keyboard.press('Enter')
  await page.waitForURL('**/stacks/*')
  await palette.waitFor({ state: 'hidden' })

  await page.keyboard.press('Control+k')
  await page.keyboard.type('nothing of this name')
  await palette.getByText('Nothing is called “nothing of this name”.').waitFor()
  await page.keyboard.press('Escape')
  await palette.waitFor({ state: 'hidden' })

  await page.keyboard.press('Control+k')
  await page.keyboard.type('run nig')
  await palette.getByRole('option', { name: 'Run nightly' }).waitFor()
  await page.keyboard.press('Enter')
  await page.waitForURL('**/history/*')
  await page.getByText('the job has ended').waitFor()
  expect(complaints).toEqual([])

  const other = await (await browser.newContext()).newPage()
  await signIn(other, house.server.url, 'vera')
  await open(other, `${house.server.url}/archives`)
  await other.getByRole('button', { name: 'Search and go' }).click()
  await other.getByRole('dialog').waitFor()
  await other.keyboard.type('nightly')
  await other.getByRole('option', { name: 'nightly', exact: true }).waitFor()
  expect(await other.getByRole('option', { name: 'Run nightly' }).count()).toBe(0)
})
