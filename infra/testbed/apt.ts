// Debian's packages: installed on the machine, or only unpacked into a folder of ours, also from the next release.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cacheFolder } from './folders.ts'
import { run, works, type RunOptions } from './run.ts'

const nextRelease: Record<string, string> = { bullseye: 'bookworm', bookworm: 'trixie', trixie: 'forky' }
const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }

let updated: Promise<unknown> | undefined
const update = () => (updated ??= apt(['update', '-qq']))

/** One at a time, for tests and images are made ready side by side: apt gives up where another one is at work. */
async function apt(args: string[], options: RunOptions = {}): Promise<void> {
  await mkdir(cacheFolder, { recursive: true })
  const patient = ['-o', 'DPkg::Lock::Timeout=300']
  await run('flock', [join(cacheFolder, 'apt.lock'), 'apt-get', ...patient, ...args], { ...options, env })
}

export async function hasApt(): Promise<boolean> {
  return await works('apt-get', ['--version'])
}

export async function aptInstall(...packages: string[]): Promise<void> {
  console.log(`Installing ${packages.join(', ')} …`)
  await update()
  await apt(['install', '-y', '-qq', '--no-install-recommends', ...packages])
}

/** Unpacks a package of this machine's release, without installing it. */
export async function aptUnpack(name: string, destination: string): Promise<void> {
  await update()
  await unpack(name, destination, [])
}

/** Unpacks a package of Debian's next release, asking the same mirrors through a source list of its own. */
export async function aptUnpackFromNextRelease(name: string, destination: string): Promise<void> {
  const release = /^VERSION_CODENAME=(\w+)/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1] ?? ''
  const next = nextRelease[release]
  if (next === undefined) throw new Error(`The release after "${release}" is not known here`)
  const folder = await mkdtemp(join(tmpdir(), 'archiver-apt-'))
  try {
    await mkdir(join(folder, 'sources'))
    await mkdir(join(folder, 'lists', 'partial'), { recursive: true })
    for (const { file, text } of await sourceFiles()) {
      const changed = text.replaceAll(new RegExp(`\\b${release}\\b`, 'g'), next)
      if (changed !== text) await writeFile(join(folder, 'sources', file), changed)
    }
    const options = [
      ...['-o', 'Dir::Etc::sourcelist=/dev/null'],
      ...['-o', `Dir::Etc::sourceparts=${join(folder, 'sources')}`],
      ...['-o', `Dir::State::lists=${join(folder, 'lists')}`],
      ...['-o', 'Dir::Cache::pkgcache=', '-o', 'Dir::Cache::srcpkgcache=', '-o', 'APT::Sandbox::User=root'],
    ]
    await apt([...options, 'update', '-qq'])
    await unpack(name, destination, options)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function unpack(name: string, destination: string, options: string[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'archiver-deb-'))
  try {
    await apt([...options, '-o', 'APT::Sandbox::User=root', 'download', '-qq', name], { cwd: folder })
    const deb = (await readdir(folder)).find((file) => file.endsWith('.deb'))
    if (deb === undefined) throw new Error(`apt-get downloaded nothing for ${name}`)
    await mkdir(destination, { recursive: true })
    await run('dpkg', ['-x', join(folder, deb), destination])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The lists in use; one that was switched off by its ending stays off. */
async function sourceFiles(): Promise<{ file: string; text: string }[]> {
  const folder = '/etc/apt/sources.list.d'
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.(list|sources)$/.test(name))
  const found = names.map((name) => ({ file: name, path: join(folder, name) }))
  found.push({ file: 'main.list', path: '/etc/apt/sources.list' })
  const texts = await Promise.all(found.map(({ path }) => readFile(path, 'utf8').catch(() => '')))
  return found.map(({ file }, index) => ({ file, text: texts[index] ?? '' }))
}

/** Where this machine gets Debian's packages. */
export async function mirror(): Promise<string> {
  for (const { text } of await sourceFiles()) {
    const found = /^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s+)?)(\S+\/debian\/?)(?:\s|$)/m.exec(text)?.[1]
    if (found !== undefined) return found
  }
  throw new Error('No source of Debian packages was found')
}
