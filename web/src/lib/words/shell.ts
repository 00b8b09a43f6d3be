// Navigation, the line to the server, and errors.

export const nav = {
  label: 'Main',
  skip: 'Skip to content',
  dashboard: 'Dashboard',
  stacks: 'Stacks',
  archives: 'Archives',
  history: 'History',
  backups: 'Backups',
  downloads: 'Downloads',
  hosts: 'Hosts',
  settings: 'Settings',
  more: 'More',
  profile: 'Profile',
  account: 'Account',
  apiDocs: 'API documentation',
  signOut: 'Sign out',
  signedInAs: (name: string, role: string) => `Signed in as ${name}, ${role}`,
  version: (version: string) => `Version ${version}`,
  timesIn: (zone: string) => `Times in ${zone}`,
  theme: { label: 'Theme', light: 'Light', dark: 'Dark', system: 'System' },
}

export const connection = {
  lost: 'The connection to the server is lost. Trying again; what you see may be out of date.',
}

export const filters = {
  label: 'Filters',
  button: (active: number) => (active === 0 ? 'Filters' : `Filters (${active} set)`),
}

export const problem = {
  status: (status: number) => `The server answered with an error (${status}).`,
  unreachable: 'The server cannot be reached. Is it running?',
  retry: 'Try again',
  notFoundTitle: 'Nothing here',
  notFound: 'There is no page at this address.',
  title: 'That did not work',
  home: 'To the dashboard',
}
