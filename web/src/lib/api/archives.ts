// Archives, and running them.
import { client } from '../client.ts'
import type { RetentionPolicy } from 'db/domain/retention'
import type { ArchiveBody, DryRun } from '../rows.ts'
import { answer, answered, param } from './request.ts'

const { api } = client

export const archives = {
  list: async () => (await answer(api.archives.$get())).archives,
  get: async (id: number) => (await answer(api.archives[':id'].$get({ param: param(id) }))).archive,
  create: async (json: ArchiveBody) => (await answer(api.archives.$post({ json }))).archive,
  update: async (id: number, json: ArchiveBody) =>
    (await answer(api.archives[':id'].$patch({ param: param(id), json }))).archive,
  /** Its backups stay, or a job moves them to the trash. */
  remove: (id: number, backups: 'keep' | 'trash') =>
    answered(api.archives[':id'].$delete({ param: param(id), query: { backups } })),
  run: async (id: number) => (await answer(api.archives[':id'].run.$post({ param: param(id) }))).job_id,
  dryRun: async (id: number, json: DryRun) =>
    (await answer(api.archives[':id']['dry-run'].$post({ param: param(id), json }))).job_id,
  retention: async (id: number) =>
    (await answer(api.archives[':id'].retention.$post({ param: param(id), json: {} }))).job_id,
  /** What its policy would keep and remove now, or one that is not saved yet. */
  previewRetention: (id: number, json: { policy?: RetentionPolicy; time_zone?: string } = {}) =>
    answer(api.archives[':id'].retention.preview.$post({ param: param(id), json })),
  /** The next times a schedule would be due. */
  nextRuns: async (cron: string, time_zone: string, count = 5) =>
    (await answer(api.schedule.preview.$post({ json: { cron, time_zone, count } }))).next_runs,
}
