// Speaks to the server as a program with a token would.

export interface Answer<T> {
  status: number
  body: T
}

export interface Api {
  get<T>(path: string): Promise<Answer<T>>
  post<T>(path: string, body?: unknown): Promise<Answer<T>>
  patch<T>(path: string, body?: unknown): Promise<Answer<T>>
  delete<T>(path: string): Promise<Answer<T>>
}

/** Without a token, or with an empty one, nobody is signed in. JSON and problem details are parsed, else `body` is text. */
export function api(url: string, token = ''): Api {
  async function ask<T>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    const response = await fetch(url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = /json/.test(response.headers.get('content-type') ?? '')
    return { status: response.status, body: (isJson && text !== '' ? JSON.parse(text) : text) as T }
  }
  return {
    get: (path) => ask('GET', path),
    post: (path, body) => ask('POST', path, body),
    patch: (path, body) => ask('PATCH', path, body),
    delete: (path) => ask('DELETE', path),
  }
}
