// What a task needs beside its payload.
import type { Docker } from '../docker/engine.ts'
import type { Journal } from '../journal.ts'
import type { Ledger } from '../ledger.ts'
import type { Leftovers } from '../leftovers.ts'

export interface Tools {
  docker: Docker
  journal: Journal
  leftovers: Leftovers
  ledger: Ledger
  archivesDir: string
  downloadsDir: string
  maxDeleteShare: number
  trashMinDays: number
  stateDir: string
  hostName: string
  version: string
}
