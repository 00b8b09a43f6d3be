// Every request the pages make. Answers are rows as the API sends them; anything else is thrown as a Problem.
export { archives } from './api/archives.ts'
export { backups } from './api/backups.ts'
export { dashboard } from './api/dashboard.ts'
export { downloads } from './api/downloads.ts'
export { hosts } from './api/hosts.ts'
export { jobs } from './api/jobs.ts'
export { session, setup } from './api/session.ts'
export { stacks } from './api/stacks.ts'
