import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { archiveFormats, type ArchiveFormat } from 'db/domain/archive'
import { startEngine } from './client.ts'
import type { EngineEvent, PackRequest } from './protocol.ts'
import { contentOf, emptyFile, extract, ground, isRoot } from './testing/tree.ts'

function request(
  at: { path: string; source: string },
  format: ArchiveFormat = 'tar.zst',
  out = emptyFile(join(at.path, 'out'), format),
): PackRequest {
  const sources = [{ path: at.source, prefix: 'stack', optional: false }]
  const rest = { exclude: [], patterns: [], append: [], previous: null, full_read_every: 30 }
  return { op: 'open', out, format, level: 3, sources, ...rest }
}

/** Enough to be at work for a good while. */
function muchWork(at: { source: string }): void {
  execFileSync('dd', ['if=/dev/urandom', `of=${join(at.source, 'random')}`, 'bs=1M', 'count=200', 'status=none'])
}

/** Slowly. */
function slowRequest(at: { path: string; source: string }): PackRequest {
  return { ...request(at), level: 19 }
}

/** Settles when packing has begun for good. */
function underWay(): { onEvent: (event: EngineEvent) => void; begun: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { begun: promise, onEvent: (event) => event.type === 'progress' && event.bytes > 0 && resolve() }
}

function isAlive(pid: number | undefined): boolean {
  if (pid === undefined) return false
  if (!existsSync(`/proc/${pid}/stat`)) return false
  return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')) // dead, nobody has asked for its exit code yet
}

describe('the archive process', () => {
  test('packs and verifies one after the other, and ends with its user', async () => {
    using at = ground()
    writeFileSync(join(at.source, 'file'), 'x')
    let pid: number | undefined
    {
      await using engine = startEngine()
      pid = engine.pid
      for (const name of ['one', 'two']) {
        const out = emptyFile(join(at.path, name))
        const packed = await engine.pack(request(at, 'tar.zst', out), () => {})
        const read = await engine.verify({ file: out, format: 'tar.zst', frames: 'all' }, () => {})
        expect(read).toMatchObject({ index: 'whole', sha256: packed.sha256, entry_count: 2 })
        expect(contentOf(join(extract(out, join(at.path, `${name}-restored`)), 'stack'))).toEqual(contentOf(at.source))
      }
      expect(isAlive(pid)).toBe(true)
    }
    expect(isAlive(pid)).toBe(false)
  })

  test('tells its progress', async () => {
    using at = ground()
    muchWork(at)
    const stop = new AbortController()
    await using engine = startEngine({ signal: stop.signal })
    const events: EngineEvent[] = []
    const packing = engine.pack(slowRequest(at), (event) => events.push(event))
    await vi.waitUntil(() => events.length >= 3, 60_000)
    stop.abort(new Error('seen enough'))
    await expect(packing).rejects.toThrow('seen enough')
    const bytes = events.map((event) => (event.type === 'progress' ? event.bytes : NaN))
    expect(bytes).toEqual(bytes.toSorted((a, b) => a - b))
    expect(bytes.at(-1)).toBeGreaterThan(0)
  })

  test('says why it cannot, and can do the next', async () => {
    using at = ground()
    await using engine = startEngine()
    const wrong = { ...request(at), out: join(at.path, 'not-made') }
    await expect(engine.pack(wrong, () => {})).rejects.toMatchObject({
      code: 'ENOENT',
      message: `${wrong.out} cannot be written: it does not exist`,
    })
    expect(existsSync(wrong.out)).toBe(false)
    expect(await engine.pack({ ...wrong, out: join(at.path, 'out') }, () => {})).toMatchObject({ entry_count: 1 })
  })

  test.skipIf(!isRoot).each(archiveFormats)(
    '%s: says that the disk is full, and leaves it to its user',
    async (format) => {
      using at = ground()
      const disk = join(at.path, 'disk')
      mkdirSync(disk)
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk])
      try {
        execFileSync('dd', ['if=/dev/urandom', `of=${join(at.source, 'random')}`, 'bs=1M', 'count=20', 'status=none'])
        await using engine = startEngine()
        const out = emptyFile(join(disk, 'shop.partial'), format)
        await expect(engine.pack(request(at, format, out), () => {})).rejects.toMatchObject({
          code: 'ENOSPC',
          message: `no space left on the device that holds ${out}`,
        })
        expect(existsSync(out)).toBe(true)
      } finally {
        execFileSync('umount', [disk])
      }
    },
  )

  test('packs a folder backup for a download', async () => {
    using at = ground()
    writeFileSync(join(at.source, 'file'), 'x')
    await using engine = startEngine()
    const backup = request(at, 'folder')
    await engine.pack(backup, () => {})
    const out = emptyFile(join(at.path, 'download.tar.zst'))
    const made = await engine.packFolder({ folder: backup.out, out, level: 3 }, () => {})
    const read = await engine.verify({ file: out, format: 'tar.zst', frames: 'all' }, () => {})
    expect(read).toMatchObject({ index: 'missing', entry_count: 2, size_bytes: made.size_bytes })
    expect(contentOf(join(extract(out, join(at.path, 'restored')), 'stack'))).toEqual(contentOf(at.source))
  })

  test.each(archiveFormats)('%s: needs little memory however much there is', async (format) => {
    using at = ground()
    execFileSync('dd', ['if=/dev/urandom', `of=${join(at.source, 'random')}`, 'bs=1M', 'count=40', 'status=none'])
    writeFileSync(join(at.source, 'holes'), '')
    truncateSync(join(at.source, 'holes'), 200 * 2 ** 20)
    for (let n = 0; n < 5000; n++) writeFileSync(join(at.source, `${n}`), '')
    const patterns = ['*.log', '4*', '!44*']
    await using engine = startEngine()
    await engine.pack({ ...request(at, format), level: 1, patterns }, () => {})
    await engine.verify({ file: join(at.path, 'out'), format, frames: 'all' }, () => {})
    const [, peak] = /VmHWM:\s*(\d+) kB/.exec(readFileSync(`/proc/${engine.pid}/status`, 'utf8')) ?? []
    expect(Number(peak) / 1024).toBeLessThan(256)
  })

  test.skipIf(!isRoot)('says that a file system is read-only', async () => {
    using at = ground()
    const disk = join(at.path, 'disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', disk])
    try {
      const out = emptyFile(join(disk, 'out'))
      execFileSync('mount', ['-o', 'remount,ro', disk])
      await using engine = startEngine()
      await expect(engine.pack(request(at, 'tar.zst', out), () => {})).rejects.toThrow(
        `the file system that holds ${out} is read-only`,
      )
    } finally {
      execFileSync('umount', [disk])
    }
  })

  test.skipIf(!isRoot)('as another user, packs around what it may not read', async () => {
    using at = ground()
    for (const name of ['open', 'shut']) writeFileSync(join(at.source, name), name)
    mkdirSync(join(at.source, 'shut-folder'))
    for (const name of ['shut', 'shut-folder']) chmodSync(join(at.source, name), 0)
    chmodSync(at.source, 0o755)
    chmodSync(at.path, 0o777) // the index is made beside the backup
    const out = emptyFile(join(at.path, 'out'))
    chmodSync(out, 0o666)
    const engine = spawn(process.execPath, [fileURLToPath(new URL('./engine.ts', import.meta.url))], {
      uid: 65534,
      gid: 65534,
    })
    const steps = [request(at, 'tar.zst', out), { op: 'read' }, { op: 'finish' }]
    for (const step of steps) engine.stdin.write(`${JSON.stringify(step)}\n`)
    let text = ''
    for await (const chunk of engine.stdout) {
      text += String(chunk)
      if (text.split(/"type":"(?:done|error)"/).length > steps.length) engine.stdin.end()
    }
    const events = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ type, result }) => type !== 'progress' && result !== null)
    expect(events).toMatchObject([
      {
        type: 'warning',
        path: 'stack/shut-folder',
        text: 'cannot be read: permission denied; its content is not in the archive',
      },
      { type: 'warning', path: 'stack/shut', text: 'cannot be read: permission denied; it is not in the archive' },
      { type: 'done', result: { files: 1, directories: 2, unreadable_count: 2 } },
    ])
  })
})

describe('the agent is not kept', () => {
  test('by a process that was killed', async () => {
    using at = ground()
    muchWork(at)
    await using engine = startEngine()
    const { begun, onEvent } = underWay()
    const packing = engine.pack(slowRequest(at), onEvent)
    await begun
    process.kill(engine.pid ?? 0, 'SIGKILL')
    await expect(packing).rejects.toThrow('the archive process ended unexpectedly (signal SIGKILL)')
    await expect(
      engine.verify({ file: join(at.path, 'out'), format: 'tar.zst', frames: 'all' }, () => {}),
    ).rejects.toThrow('SIGKILL')
  })

  test('by a process that is stopped, when it gives up', async () => {
    using at = ground()
    muchWork(at)
    const deadline = new AbortController()
    await using engine = startEngine({ signal: deadline.signal })
    const { begun, onEvent } = underWay()
    const packing = engine.pack(slowRequest(at), onEvent)
    await begun
    process.kill(engine.pid ?? 0, 'SIGSTOP')
    deadline.abort(new Error('the stack was down for too long'))
    await expect(packing).rejects.toThrow('the stack was down for too long')
    await vi.waitUntil(() => !isAlive(engine.pid), 5000)
  })

  test('by a process that is stopped and idle, when it leaves', async () => {
    const engine = startEngine()
    await vi.waitUntil(() => isAlive(engine.pid))
    process.kill(engine.pid ?? 0, 'SIGSTOP')
    await engine[Symbol.asyncDispose]()
    await vi.waitUntil(() => !isAlive(engine.pid), 5000)
  })

  test('by kill() while it works', async () => {
    using at = ground()
    muchWork(at)
    const engine = startEngine()
    const { begun, onEvent } = underWay()
    const packing = engine.pack(slowRequest(at), onEvent)
    await begun
    engine.kill()
    await expect(packing).rejects.toThrow('signal SIGKILL')
    await vi.waitUntil(() => !isAlive(engine.pid), 5000)
  })

  test('when its signal had aborted before', async () => {
    using at = ground()
    const engine = startEngine({ signal: AbortSignal.abort(new Error('cancelled')) })
    await expect(engine.pack(request(at), () => {})).rejects.toThrow('cancelled')
  })
})

describe('no archive process is left behind', () => {
  test.each(['idle', 'busy'])('%s, when the agent is killed', async (state) => {
    using at = ground()
    muchWork(at)
    const client = new URL('./client.ts', import.meta.url).href
    const agent = spawn(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        `const { startEngine } = await import(${JSON.stringify(client)})
        const engine = startEngine()
        if (${state === 'idle'}) console.log(engine.pid)
        else engine.pack(${JSON.stringify(slowRequest(at))}, (event) => event.bytes > 0 && console.log(engine.pid))
        setInterval(() => {}, 1000)`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const [line] = (await once(agent.stdout, 'data')) as [Buffer]
    const pid = Number(line.toString().split('\n')[0])
    expect(isAlive(pid)).toBe(true)
    agent.kill('SIGKILL')
    await vi.waitUntil(() => !isAlive(pid), 60_000)
  })
})
