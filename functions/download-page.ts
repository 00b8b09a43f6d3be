// What a browser shows at /download/{token} when there is no file to give: one page without scripts, made here because
// it must work for people who have never signed in.
import { createHash } from 'node:crypto'

export interface DownloadPage {
  title: string
  /** Texts for people, one paragraph each. */
  texts: string[]
  /** Name and value, one below the other. */
  facts?: { name: string; value: string; code?: boolean }[]
  /** What to do first. */
  action?: { text: string; href: string }
  /** A command to copy. */
  command?: { text: string; code: string }
  /** Something is under way, named here. */
  waitsFor?: string
  /** Takes one e-mail address; `problem`: what was wrong with the one before. */
  form?: { problem: string }
  /** Seconds after which the browser goes on by itself, and where: a header says so, for the page has no script. */
  refresh?: { seconds: number; to: string }
}

// the colours of web/src/app.css, which does not reach here
const style = `
:root {
  color-scheme: light dark; font-family: system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; font-size: .9375rem; line-height: 1.5;
  --page: light-dark(oklch(97.2% .004 255), oklch(19.5% .013 258)); --panel: light-dark(#fff, oklch(23.5% .014 258));
  --line: light-dark(oklch(91.5% .008 255), oklch(33% .018 258)); --text: light-dark(oklch(25% .02 255), oklch(92% .008 255));
  --muted: light-dark(oklch(45% .02 255), oklch(75% .015 255)); --accent: light-dark(oklch(47% .16 257), oklch(74% .12 252));
  --on-accent: light-dark(#fff, oklch(20% .03 258)); --error: light-dark(oklch(49% .19 27), oklch(75% .14 24));
}
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--page); color: var(--text); overflow-wrap: anywhere }
main { width: min(36rem, 100%); padding: 1.5rem; background: var(--panel); border: 1px solid var(--line); border-radius: .5rem }
.product { margin: 0 0 1rem; font-size: .8125rem; font-weight: 600; color: var(--muted) }
h1 { font-size: 1.375rem; line-height: 1.3; font-weight: 650; margin: 0 0 .75rem; text-wrap: balance }
p { margin: 0 0 .75rem }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .375rem 1rem; margin: 1.25rem 0 0; padding-top: 1.25rem; border-top: 1px solid var(--line); font-variant-numeric: tabular-nums }
dt { color: var(--muted) } dd { margin: 0; overflow-wrap: anywhere }
code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .8125rem }
pre { margin: 0; padding: .75rem; border-radius: .375rem; background: var(--page); white-space: pre-wrap; overflow-wrap: anywhere }
.hint { margin: 1.25rem 0 .375rem; color: var(--muted) }
form { display: grid; gap: .375rem; margin-top: 1.25rem }
label { font-weight: 500 }
input, button, .button { font: inherit; padding: .5rem .75rem; border-radius: .375rem; border: 1px solid var(--muted); background: var(--panel); color: inherit }
button, .button { display: inline-block; background: var(--accent); color: var(--on-accent); border-color: transparent; font-weight: 600; cursor: pointer; text-decoration: none; justify-self: start }
input[aria-invalid] { border-color: var(--error) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
.problem { color: var(--error); margin: 0 }
.problem::before { content: '⚠ ' / '' }
progress { width: 100%; accent-color: var(--accent) }
`

const pageHeaders: Record<string, string> = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  // the address itself is the secret; the form's own origin is told all the same
  'Referrer-Policy': 'same-origin',
  'X-Robots-Tag': 'noindex, nofollow',
}

export function headersOf({ refresh }: DownloadPage): Record<string, string> {
  return { ...pageHeaders, ...(refresh && { Refresh: `${refresh.seconds}; url=${refresh.to}` }) }
}

export function downloadPage(page: DownloadPage): string {
  const { title, texts, facts = [], action, command, waitsFor, form } = page
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)} · Docker Archiver</title>
<style>${style}</style>
</head>
<body>
<main>
<p class="product">Docker Archiver</p>
<h1>${escaped(title)}</h1>
${texts.map((text) => `<p>${escaped(text)}</p>`).join('\n')}
${waitsFor ? `<progress aria-label="${escaped(waitsFor)}"></progress>` : ''}
${action ? `<a class="button" href="${escaped(action.href)}">${escaped(action.text)}</a>` : ''}
${form ? formOf(form.problem) : ''}
${facts.length === 0 ? '' : `<dl>${facts.map(factOf).join('')}</dl>`}
${command ? `<p class="hint">${escaped(command.text)}</p><pre><code>${escaped(command.code)}</code></pre>` : ''}
</main>
</body>
</html>
`
}

function factOf({ name, value, code }: NonNullable<DownloadPage['facts']>[number]): string {
  return `<dt>${escaped(name)}</dt><dd>${code ? `<code>${escaped(value)}</code>` : escaped(value)}</dd>`
}

/** Never filled in beforehand: whoever has the link is not to learn who else was told. */
function formOf(problem: string): string {
  return `<form method="post">
${problem && `<p class="problem" id="problem" role="alert">${escaped(problem)}</p>`}
<label for="email">Your e-mail address</label>
<input id="email" name="email" type="email" required maxlength="254" autocomplete="off" value=""${problem && ' aria-invalid="true" aria-describedby="problem"'}>
<button>Prepare it and mail me the link</button>
</form>`
}

function escaped(text: string): string {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  return text.replaceAll(/[&<>"']/g, (letter) => names[letter] ?? letter)
}
