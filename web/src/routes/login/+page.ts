// Nobody can sign in before there is somebody.
import { redirect } from '@sveltejs/kit'
import * as api from '#lib/api.ts'

export async function load() {
  // a server that cannot be asked shows when signing in
  if (await api.setup.needed().catch(() => false)) redirect(307, '/setup')
}
