import type { Report, ReportedJob, ReportedJobStack } from 'db/queries/report'
import { describe, expect, test } from 'vitest'
import { asHtml, asText } from './document.ts'
import { jobMail, mailFor, type Surroundings } from './job-mail.ts'

const job: ReportedJob = {
  id: 123,
  job_type: 'archive',
  archive_name: 'nightly',
  status: 'warning',
  reason: '',
  triggered_by: 'schedule',
  is_dry_run: false,
  created_at: new Date('2026-11-23T01:00:00Z'),
  start_time: new Date('2026-11-23T01:00:00Z'),
  end_time: new Date('2026-11-23T01:02:11Z'),
  duration_seconds: 131,
  total_size_bytes: 3 * 1024 ** 3,
  reclaimed_bytes: 5 * 1024 ** 2,
  options: {},
  results: {
    retention: [
      { stack_id: 1, stack_name: 'wiki', kept: 12, removed: 2, waits: '', bytes: 5 * 1024 ** 2 },
      {
        stack_id: 2,
        stack_name: 'shop',
        kept: 3,
        removed: 0,
        waits: 'the newest backup is half the size of the one before',
        bytes: 0,
      },
    ],
  },
}

const wiki: ReportedJobStack = {
  stack_name: 'wiki',
  host: 'nas',
  status: 'success',
  reason: '',
  was_running: true,
  duration_seconds: 90,
  downtime_seconds: 2.5,
  archive_path: '/archives/nightly/wiki/20261123_020000_wiki.tar.zst',
  archive_size_bytes: 3 * 1024 ** 3,
  file_count: 1200,
  not_covered: [],
  pull: null,
}

const shop: ReportedJobStack = {
  ...wiki,
  stack_name: 'shop',
  status: 'warning',
  reason: 'web was not started: its image is not here, and nothing is pulled',
  not_covered: ['/etc/letsencrypt (bind mount outside the directory)'],
  pull: { status: 'failed', reason: 'exit code 1', lines: ['<b>web</b> Error', '\u001b[31mmanifest unknown\u001b[0m'] },
}

const report: Report = {
  job,
  stacks: [wiki, shop],
  disks: [{ host: 'nas', disk: { total_bytes: 1000 * 1024 ** 3, free_bytes: 250 * 1024 ** 3 } }],
  damaged: [],
}

const around: Surroundings = { origin: 'https://backup.example.org', timeZone: 'Europe/Berlin', detail: 'full' }

function written(of: Partial<Report>, detail: 'full' | 'short' = 'full') {
  const { subject, blocks } = jobMail({ ...report, ...of }, { ...around, detail })
  return { subject, text: asText(blocks), html: asHtml(subject, blocks) }
}

describe('the report', () => {
  test('holds what happened, as text and as HTML tables', () => {
    const { subject, text, html } = written({})
    expect(subject).toBe('Archive nightly ended with warnings: 2 of 2 stacks')
    for (const fact of [
      /Stacks: +2 of 2 archived/,
      /Size: +3.00 GiB/,
      /Downtime: +5.0 s/,
      /Duration: +2 min 11 s/,
      /Freed by retention: +5.00 MiB/,
      /Ended: +2026-11-23 02:02:11 Europe\/Berlin/,
      /wiki +nas +3.00 GiB +1200 +2.5 s +\/archives\/nightly\/wiki\/20261123_020000_wiki.tar.zst/,
      /nas +750 GiB \(75 %\) +250 GiB +1000 GiB/,
      /wiki +12 +2 +5.00 MiB/,
      /shop +3 +0 .*the newest backup is half the size of the one before/,
      /Stack shop: warning/,
      /web was not started: its image is not here/,
      /- \/etc\/letsencrypt \(bind mount outside the directory\)/,
      /Pulling images: failed, exit code 1/,
      / {4}<b>web<\/b> Error\n {4}manifest unknown/,
      /Open job 123: https:\/\/backup.example.org\/history\/123/,
    ])
      expect(text).toMatch(fact)
    expect(html.match(/<table/g)).toHaveLength(4)
    expect(html).toContain('<a href="https://backup.example.org/history/123">Open job 123</a>')
    expect(html).not.toContain('Stack wiki: success')
  })

  test('is a few lines when it is to be short', () => {
    const { text, html } = written({}, 'short')
    expect(text).toBe(
      [
        'Archive nightly ended with warnings: 2 of 2 stacks',
        '3.00 GiB, stopped for 5.0 s, took 2 min 11 s, freed 5.00 MiB',
        '- shop: warning, web was not started: its image is not here, and nothing is pulled',
        'Open job 123: https://backup.example.org/history/123',
      ].join('\n\n') + '\n',
    )
    expect(html).not.toContain('<table')
  })

  test('Not again: unescaped HTML', () => {
    const evil = `<script>alert("1")</script>&'`
    const { html, text } = written({
      job: { ...job, archive_name: evil, status: 'failed', reason: evil, results: { retention: [] } },
      stacks: [
        {
          ...shop,
          stack_name: evil,
          host: evil,
          reason: evil,
          archive_path: evil,
          not_covered: [evil],
          pull: { status: 'failed', reason: evil, lines: [evil] },
        },
      ],
      disks: [{ host: evil, disk: null }],
      damaged: [
        {
          id: 1,
          host: evil,
          archive_name: evil,
          stack_name: evil,
          path: evil,
          size_bytes: 1,
          created_at: new Date(),
          verify_error: evil,
        },
      ],
    })
    expect(html).not.toMatch(/<script|"1"|&'/)
    expect(html).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;')
    expect(text).toContain(evil)
  })

  test('says why a job without stacks failed', () => {
    const { text } = written({ job: { ...job, status: 'failed', reason: 'No valid stacks found' }, stacks: [] })
    expect(text).toContain('No valid stacks found')
  })
})

describe('whether a job is worth a mail', () => {
  const all = { on_success: true, on_error: true, on_cleanup: true }
  const damaged = [{} as Report['damaged'][number]]
  test.each<[Partial<ReportedJob>, Report['damaged'], Partial<typeof all>, string | null]>([
    [{ status: 'success' }, [], {}, 'report'],
    [{ status: 'success' }, [], { on_success: false }, null],
    [{ status: 'warning' }, [], { on_success: false }, 'error'],
    [{ status: 'failed' }, [], {}, 'error'],
    [{ status: 'cancelled' }, [], {}, 'error'],
    [{ status: 'failed' }, [], { on_error: false }, null],
    [{ status: 'failed', is_dry_run: true }, [], {}, null],
    [{ job_type: 'cleanup', status: 'success' }, [], {}, 'cleanup'],
    [{ job_type: 'cleanup', status: 'success' }, [], { on_cleanup: false }, null],
    [{ job_type: 'cleanup', status: 'failed' }, [], { on_cleanup: false }, 'error'],
    [{ job_type: 'cleanup', status: 'success', options: { action: 'permissions' } }, [], {}, null],
    [{ job_type: 'verify', status: 'success' }, [], {}, null],
    [{ job_type: 'verify', status: 'failed' }, damaged, {}, 'corrupt'],
    [{ job_type: 'verify', status: 'failed' }, [], {}, 'error'],
    [{ job_type: 'verify', status: 'failed' }, damaged, { on_error: false }, null],
    [{ job_type: 'retention', status: 'success' }, [], {}, null],
    [{ job_type: 'retention', status: 'failed' }, [], {}, 'error'],
    [{ job_type: 'retention', status: 'failed', is_dry_run: true }, [], {}, null],
    [{ job_type: 'download', status: 'cancelled' }, [], {}, null],
  ])('%j, %j damaged, %j: %s', (of, damaged, settings, kind) => {
    expect(mailFor({ ...report, job: { ...job, ...of }, damaged }, { ...all, ...settings })).toBe(kind)
  })
})
