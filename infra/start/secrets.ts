// Random secrets of an installation, made at its first start and kept beside its data.
import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'

const names = ['postgres_password', 'secret_key', 'agent_password'] as const

export type Secrets = Record<(typeof names)[number], string>

/** Reads DATA_DIR/secrets.json, adding what is missing. Only its owner may read the file. */
export async function readSecrets(dataDir: string): Promise<Secrets> {
  const file = join(dataDir, 'secrets.json')
  const found = await readExisting(file)
  const secrets = Object.fromEntries(
    names.map((name) => [name, found[name] ?? randomBytes(32).toString('hex')]),
  ) as Secrets
  if (names.every((name) => found[name] !== undefined)) return secrets
  await mkdir(dataDir, { recursive: true })
  const handle = await open(`${file}.new`, 'w', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify(secrets, null, 2)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${file}.new`, file)
  return secrets
}

/** A damaged file must not be replaced in silence: the database's password is in it. */
async function readExisting(file: string): Promise<Partial<Secrets>> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}'
    throw error
  })
  try {
    return JSON.parse(text) as Partial<Secrets>
  } catch (cause) {
    throw new Error(`${file} cannot be understood; put back a copy of it, or remove it with the folder "postgres"`, {
      cause,
    })
  }
}
