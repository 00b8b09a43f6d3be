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
    expect(page.body).toContain('src="/api/docs/scalar.js"')
    expect(page.body).not.toMatch(/https?:\/\//)
    expect(page.headers.get('content-security-policy')).toMatch(/script-src 'self';/)
    const script = await fetch(`${server.url}/api/docs/scalar.js`)
    expect(script.headers.get('content-type')).toMatch(/^text\/javascript/)
    expect((await script.text()).length).toBeGreaterThan(1e6)
  })
})
