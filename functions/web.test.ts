import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeWeb } from './web.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'archiver-web-'))
  await mkdir(join(folder, '_app/immutable'), { recursive: true })
  await writeFile(join(folder, 'index.html'), '<!doctype html><script src="/x.js"></script><script>start()</script>')
  await writeFile(join(folder, 'favicon.svg'), '<svg/>')
  await writeFile(join(folder, '_app/immutable/start.abc.js'), 'export {}')
  await writeFile(join(folder, '_app/immutable/start.abc.js.gz'), gzipSync('export {}'))
})

afterAll(() => rm(folder, { recursive: true }))

test('every address of a page is index.html, and only the scripts of the build may run', async () => {
  for (const path of ['/', '/archives/3', '/history/123', '/setup']) {
    const answer = await makeWeb(folder).request(path)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toMatch(/^text\/html/)
    expect(answer.headers.get('cache-control')).toBe('no-cache')
    const policy = answer.headers.get('content-security-policy') ?? ''
    // sha256 of "start()"
    expect(policy).toMatch(/script-src 'self' 'sha256-[A-Za-z0-9+/]{43}=';/)
    expect(policy).not.toMatch(/script-src[^;]*unsafe/)
    expect(policy).toContain("frame-ancestors 'none'")
  }
})

test('files whose name changes with their content are kept for good, and sent compressed', async () => {
  const answer = await makeWeb(folder).request('/_app/immutable/start.abc.js', {
    headers: { 'accept-encoding': 'gzip' },
  })
  expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
  expect(answer.headers.get('content-encoding')).toBe('gzip')
  expect(answer.headers.get('content-type')).toMatch(/javascript/)
})

test('other files are asked for again; a script that is no more is no page', async () => {
  expect((await makeWeb(folder).request('/favicon.svg')).headers.get('cache-control')).toBe('no-cache')
  const gone = await makeWeb(folder).request('/_app/immutable/start.old.js')
  expect(gone.status).toBe(404)
  expect(gone.headers.get('content-type')).toMatch(/^text\/plain/)
})

test('nothing outside the folder is served', async () => {
  for (const path of ['/../package.json', '/%2e%2e/package.json', '/..%2fpackage.json', '/_app/%00']) {
    expect(await (await makeWeb(folder).request(path)).text()).not.toContain('"name"')
  }
})

test('pages that are not built say so', async () => {
  const answer = await makeWeb(join(folder, 'nowhere')).request('/')
  expect(answer.status).toBe(503)
  expect(await answer.text()).toMatch(/npm run -w web build/)
})
