#!/usr/bin/env node
// The archive engine as a command, without a database: docker-archiver pack | list | verify | unpack.
import './archive/small-heap.ts'
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

const { npm_lifecycle_event: script, INIT_CWD: userFolder, XDG_CACHE_HOME: caches } = process.env

// npm runs scripts in the checkout; paths are meant from where its user is
if (script === 'docker-archiver' && userFolder !== undefined) process.chdir(userFolder)

// To compile takes longer than to read a file out of a backup. In a folder of the user's own: what lies there is run.
const compiled = join(caches || join(homedir(), '.cache'), 'docker-archiver')
enableCompileCache(compiled)
process.env['NODE_COMPILE_CACHE'] ??= compiled // for threads

const { run } = await import('./cli/run.ts')
process.exitCode = await run(process.argv.slice(2))
