// What admins set, the mails that follow, the cleanup, and who did what.
import type { CleanupTask } from 'db/domain/cleanup'
import { client } from '../client.ts'
import type { SettingsChanges } from '../rows.ts'
import { answer, answered, texts } from './request.ts'

const { api } = client

export const settings = {
  get: async () => (await answer(api.settings.$get())).settings,
  general: (json: SettingsChanges['general']) => answered(api.settings.general.$patch({ json })),
  notifications: (json: SettingsChanges['notifications']) => answered(api.settings.notifications.$patch({ json })),
  security: (json: SettingsChanges['security']) => answered(api.settings.security.$patch({ json })),
  cleanup: (json: SettingsChanges['cleanup']) => answered(api.settings.cleanup.$patch({ json })),
  test: (to: string) => answer(api.settings.notifications.test.$post({ json: { to } })),
  permissions: async (fix: boolean) =>
    (await answer(api.settings.security.permissions.$post({ json: { fix } }))).job_id,
  mails: (filter: { limit?: number; cursor?: string | undefined }) =>
    answer(api.settings.mails.$get({ query: texts(filter) })),
}

export const cleanup = {
  get: async () => (await answer(api.cleanup.$get())).cleanup,
  run: async (json: { dry_run: boolean; tasks: CleanupTask[] }) =>
    (await answer(api.cleanup.run.$post({ json }))).job_id,
}

export const audit = {
  list: (filter: {
    user_id?: string | undefined
    resource?: string | undefined
    limit?: number
    cursor?: string | undefined
  }) => answer(api.audit.$get({ query: texts(filter) })),
}
