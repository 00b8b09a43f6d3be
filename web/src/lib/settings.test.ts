import { expect, test } from 'vitest'
import { told } from './audit-view.ts'
import { deviceOf } from './device.ts'
import { errorsAt } from './form-errors.ts'
import { bodyOf, formOf } from './notification-form.ts'
import { sectionsFor } from './settings-sections.ts'
import { lockedBecause } from './user-rules.ts'
import { words } from './words.ts'

test.each([
  ['Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0', 'Firefox on Linux'],
  ['Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0', 'Edge on Windows'],
  ['Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36', 'Chrome on Android'],
  ['Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1', 'Safari on iPhone'],
  ['curl/8.5.0', 'The program curl'],
  ['', 'A browser on an unknown system'],
])('%s is %s', (userAgent, text) => {
  expect(deviceOf(userAgent)).toBe(text)
})

const person = { email: '', banned: false, ban_reason: '', created_at: '', sessions: 0, tokens: 0 }
const ada = { ...person, id: 'a', username: 'ada', role: 'admin' as const }
const bob = { ...person, id: 'b', username: 'bob', role: 'admin' as const }

test('the last admin who can sign in is protected, and nobody locks themselves out', () => {
  expect(lockedBecause(ada, [ada, { ...bob, banned: true }], 'b')).toBe(words.users.lastAdmin)
  expect(lockedBecause(ada, [ada, bob], 'a')).toBe(words.users.self)
  expect(lockedBecause(ada, [ada, bob], 'b')).toBe(null)
  expect(lockedBecause({ ...ada, role: 'viewer' }, [bob], 'b')).toBe(null)
})

const entry = { id: 1, at: '', user_id: 'a', user_name: 'ada', by_token: false, resource_id: '3', address: '' }

test('the audit log names what was done and leads there, unless it is gone', () => {
  const changed = {
    ...entry,
    action: 'archive.change',
    resource: 'archive',
    detail: { name: 'x', changed: { level: 9 } },
  }
  expect(told(changed)).toEqual({ did: 'changed archive', what: 'x', href: '/archives/3', details: ['level: 9'] })
  expect(told({ ...changed, action: 'archive.delete' }).href).toBe(null)
  const signIn = { ...entry, action: 'session.begin', resource: 'user', resource_id: 'a', detail: {} }
  expect(told(signIn)).toEqual({ did: 'signed in', what: '', href: null, details: [] })
  expect(told({ ...entry, action: 'new.thing', resource: 'thing', detail: {} })).toMatchObject({
    did: 'new.thing',
    what: '3',
  })
})

const stored = {
  smtp_server: 'smtp.example.org',
  smtp_port: 587,
  smtp_user: 'ada',
  smtp_security: 'starttls' as const,
  smtp_verify_certificate: true,
  from: '',
  subject_tag: '',
  on_success: true,
  on_error: true,
  on_cleanup: true,
  detail: 'full' as const,
  attach_log: false,
  attach_log_on_failure_only: false,
  default_recipients: ['ops@example.org'],
  smtp_password_set: true,
  reached_at: '',
}

test('the stored password stays unless another is typed or it is taken out', () => {
  const form = formOf(stored)
  expect(bodyOf(form)).not.toHaveProperty('smtp_password')
  expect(bodyOf({ ...form, smtp_password: 'new' })).toMatchObject({ smtp_password: 'new' })
  expect(bodyOf({ ...form, removePassword: true })).toMatchObject({ smtp_password: '' })
  expect(bodyOf({ ...form, recipients: ' a@b.c,\n\nd@e.f ' })).toMatchObject({ default_recipients: ['a@b.c', 'd@e.f'] })
})

test('a text about an item of a list stands at the list, and begins like a sentence', () => {
  const told = { 'default_recipients.1': 'must be an address', elsewhere: 'no' }
  expect(errorsAt(['default_recipients'], told)).toEqual({ default_recipients: 'Must be an address' })
})

test('only admins are offered what only they may see', () => {
  expect(sectionsFor(() => true)).toHaveLength(7)
  expect(sectionsFor((role) => role !== 'admin').map(({ name }) => name)).toEqual(['General', 'Cleanup', 'Tokens'])
})
