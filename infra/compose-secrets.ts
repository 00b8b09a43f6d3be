// One-shot service of docker-compose.yml: random secrets at the first start, into one volume for each service that
// reads them. Run again it keeps them, and writes what is derived from them anew.
import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const [folder = '/secrets'] = process.argv.slice(2)
const hostName = process.env['HOST_NAME'] || 'local'
const database = 'archiver'

const postgresPassword = await keep('db/postgres_password')
const agentPassword = await keep('server/agent_password')
await keep('server/secret_key')
await write('server/database_url', `postgres://postgres:${postgresPassword}@db:5432/${database}`)
await write('agent/database_url', `postgres://archiver_host_${hostName}:${agentPassword}@db:5432/${database}`)

async function keep(file: string): Promise<string> {
  const found = await readFile(join(folder, file), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (found) return found
  const secret = randomBytes(32).toString('hex')
  await write(file, secret)
  return secret
}

/** Readable by whichever user the service runs as: nobody else has the volume. */
async function write(file: string, text: string): Promise<void> {
  const path = join(folder, file)
  await writeFile(`${path}.new`, text, { mode: 0o444 })
  await rename(`${path}.new`, path)
}
