// Base images made from Debian's packages and this machine's Node, where no image can be pulled. Made once, then kept
// by the engine of the tests.
import { createHash } from 'node:crypto'
import { copyFile, cp, mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { aptInstall, mirror } from './apt.ts'
import { docker } from './docker.ts'
import { temporaryFolder } from './folders.ts'
import { run, works } from './run.ts'

const files = fileURLToPath(new URL('./stand-ins', import.meta.url))
/** The release whose packages the images of docker-compose.yml are made of. */
const release = 'trixie'
const debian = `archiver-test/debian:${release}`

export interface StandIns {
  node: string
  postgres: string
}

export async function makeStandIns(): Promise<StandIns> {
  const recipes = await hashOfFiles()
  const node = `archiver-test/node:${process.versions.node}-${recipes}`
  const postgres = `archiver-test/postgres:${release}-${recipes}`
  await unlessThere(debian, makeDebian)
  await unlessThere(node, () => makeNode(node))
  await unlessThere(postgres, () =>
    docker('build', ...from(debian), '-t', postgres, '-f', dockerfile('postgres'), files),
  )
  return { node, postgres }
}

/** In the images' names, so that a changed recipe makes new ones. */
async function hashOfFiles(): Promise<string> {
  const hash = createHash('sha256')
  for (const name of (await readdir(files)).sort()) hash.update(await readFile(join(files, name)))
  return hash.digest('hex').slice(0, 8)
}

async function unlessThere(image: string, make: () => Promise<unknown>): Promise<void> {
  if ((await docker('images', '-q', image)) !== '') return
  console.log(`Making the image ${image} …`)
  await make()
}

async function makeDebian(): Promise<void> {
  if (!(await works('debootstrap', ['--version']))) await aptInstall('debootstrap')
  await using folder = await temporaryFolder()
  const system = join(folder.path, 'system')
  await run('debootstrap', ['--variant=minbase', release, system, await mirror()])
  const tar = join(folder.path, 'system.tar')
  await run('tar', ['-C', system, '--numeric-owner', '--exclude=./var/cache/apt/archives/*', '-cf', tar, '.'])
  await docker('import', '--change', 'CMD ["sh"]', tar, debian)
}

async function makeNode(image: string): Promise<void> {
  await using folder = await temporaryFolder()
  const here = (name: string) => join(folder.path, name)
  await copyFile(process.execPath, here('node'))
  await cp(await npmFolder(), here('npm'), { recursive: true, dereference: true })
  await mkdir(here('include'))
  const headers = await headersFolder()
  if (headers !== undefined) await cp(headers, here('include'), { recursive: true, dereference: true })
  const certificates = await certificatesFile()
  await writeFile(here('certificates'), certificates === undefined ? '' : await readFile(certificates))
  const cafile = certificates === undefined ? '' : 'cafile=/etc/ssl/certs/ca-certificates.crt\n'
  await writeFile(here('npmrc'), `registry=${await npmSetting('registry')}\n${cafile}update-notifier=false\n`)
  await docker('build', ...from(debian), '-t', image, '-f', dockerfile('node'), folder.path)
}

const from = (base: string) => ['--build-arg', `BASE=${base}`]
const dockerfile = (name: string) => join(files, `${name}.Dockerfile`)

async function npmFolder(): Promise<string> {
  const program = (await run('sh', ['-c', 'command -v npm'])).trim()
  return dirname(dirname(await realpath(program)))
}

async function headersFolder(): Promise<string | undefined> {
  const folders = [await npmSetting('nodedir'), dirname(dirname(process.execPath)), '/usr', '/usr/local']
  return folders.map((folder) => join(folder, 'include', 'node')).find((folder) => existsSync(folder))
}

async function certificatesFile(): Promise<string | undefined> {
  const candidates = [await npmSetting('cafile'), process.env['NODE_EXTRA_CA_CERTS'] ?? '']
  return [...candidates, '/etc/ssl/certs/ca-certificates.crt'].find((file) => file !== '' && existsSync(file))
}

async function npmSetting(name: string): Promise<string> {
  const value = (await run('npm', ['config', 'get', name])).trim()
  return ['null', 'undefined'].includes(value) ? '' : value
}
