// The command palette.
export const palette = {
  open: 'Search and go',
  keys: { mac: '⌘K', other: 'Ctrl K' },
  title: 'Go to, run, find',
  placeholder: 'A page, an archive, a stack, a job’s number …',
  noMatch: (text: string) => `Nothing is called “${text}”.`,
  results: 'Results',
  groups: {
    pages: 'Pages',
    run: 'Run',
    archives: 'Archives',
    stacks: 'Stacks',
    backups: 'Backups',
    hosts: 'Hosts',
    jobs: 'Jobs',
  },
  newArchive: 'New archive',
  run: (archive: string) => `Run ${archive}`,
  job: (id: number) => `Job ${id}`,
}
