import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer(inject('serverUrl'))
})

afterAll(async () => {
  await server.stop()
})

describe('the description', () => {
  test('names and explains every operation, with an example', async () => {
    const { body } = await server.ask('nobody', 'GET', '/api/openapi.json')
    expect(body.openapi).toBe('3.1.0')
    const operations = Object.entries<Record<string, any>>(body.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, ...operation })),
    )
    expect(operations.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'post /api/archives/{id}/run',
        'get /api/jobs/{id}/events',
        'post /api/auth/sign-in/username',
        'get /health',
      ]),
    )
    expect(operations.length).toBeGreaterThan(28)
    for (const { name, summary, description, responses, requestBody, parameters = [] } of operations) {
      expect(summary, name).toBeTruthy()
      expect(description?.length, name).toBeGreaterThan(5)
      const [good] = Object.entries<any>(responses).filter(([status]) => status.startsWith('2'))
      expect(good, name).toBeDefined()
      for (const content of [
        ...Object.values<any>(good?.[1].content ?? {}),
        ...Object.values<any>(requestBody?.content ?? {}),
      ]) {
        expect(content.example ?? content.schema.example, name).toBeDefined()
      }
      for (const parameter of parameters)
        expect(parameter.schema.example ?? parameter.example, `${name} ${parameter.name}`).toBeDefined()
      expect(responses.default.content['application/problem+json'].schema.$ref).toBe('#/components/schemas/Problem')
    }
    for (const [, name] of JSON.stringify(body).matchAll(/"#\/components\/schemas\/(\w+)"/g))
      expect(body.components.schemas[name ?? '']).toBeDefined()
  })

  test('is shown by a page that loads nothing from elsewhere', async () => {
    const page = await server.ask('nobody', 'GET', '/api/docs')
    expect(page.status).toBe(200)
    expect(page.body).not.toMatch(/https?:\/\//)
    expect(page.body).not.toMatch(/<script(?![^>]* src=)|<style|\sstyle=/)
    const policy = page.headers.get('content-security-policy')
    expect(policy).toMatch(/default-src 'none'; script-src 'self'; style-src 'self';/)
    expect(policy).not.toMatch(/unsafe|https?:/)

    const loaded = [...page.body.matchAll(/(?:src|href)="(?!data:)([^"]+)"/g)].map(([, path]) => path)
    expect(loaded).toEqual(['/api/docs/swagger-ui.css', '/api/docs/swagger-ui-bundle.js', '/api/docs/start.js'])
    const [style, bundle, start] = await Promise.all(loaded.map((path) => fetch(server.url + path)))
    expect(style?.headers.get('content-type')).toMatch(/^text\/css/)
    expect((await style?.text())?.length).toBeGreaterThan(1e5)
    expect(bundle?.headers.get('content-type')).toMatch(/^text\/javascript/)
    expect((await bundle?.text())?.length).toBeGreaterThan(1e6)
    expect(start?.headers.get('content-type')).toMatch(/^text\/javascript/)
    expect(await start?.text()).toMatch(/"url":"\/api\/openapi.json".*"validatorUrl":null/)
  })

  test('serves its big files once, and no other file of the package', async () => {
    const bundle = `${server.url}/api/docs/swagger-ui-bundle.js`
    const etag = (await fetch(bundle, { method: 'HEAD' })).headers.get('etag') ?? ''
    expect((await fetch(bundle, { headers: { 'if-none-match': etag } })).status).toBe(304)
    for (const path of ['index.html', 'package.json', 'swagger-ui.js', '..%2fpackage.json'])
      expect((await server.ask('viewer', 'GET', `/api/docs/${path}`)).status, path).toBe(404)
  })
})
