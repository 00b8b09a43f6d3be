import * as api from '#lib/api.ts'

export async function load() {
  return { needed: await api.setup.needed().catch(() => true) }
}
