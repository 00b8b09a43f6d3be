// What stands in an address after the path.

interface Address {
  pathname: string
  search: string
}

/** The same page with one parameter set, or taken out when its value is empty. */
export function withParameter({ pathname, search }: Address, name: string, value: string): string {
  const parameters = new URLSearchParams(search)
  if (value === '') parameters.delete(name)
  else parameters.set(name, value)
  const text = parameters.toString()
  return text === '' ? pathname : `${pathname}?${text}`
}

/** Where to sign in, coming back here after. */
export function loginFor(target: string): string {
  return target === '/' ? '/login' : `/login?to=${encodeURIComponent(target)}`
}

/** Where to go after signing in: a path of ours, whatever the address bar says. */
export function targetFrom({ search }: Pick<Address, 'search'>): string {
  const to = new URLSearchParams(search).get('to') ?? '/'
  return /^\/(?![/\\])[^\s\\]*$/.test(to) ? to : '/'
}
