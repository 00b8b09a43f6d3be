// What a browser shows at /download/{token} when there is no file to give: one page without scripts, made here because
// it must work for people who have never signed in.
import { createHash } from 'node:crypto'

export interface DownloadPage {
  title: string
  /** Texts for people, one paragraph each. */
  texts: string[]
  /** Name and value, one below the other. */
  facts?: { name: string; value: string }[]
  /** Takes one e-mail address; `problem`: what was wrong with the one before. */
  form?: { problem: string }
  /** Seconds after which the browser loads the page again. */
  refresh?: number
}

const style = `
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.5 }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: light-dark(#f5f5f4, #1c1917); color: light-dark(#1c1917, #f5f5f4) }
main { box-sizing: border-box; width: min(34rem, 100vw); padding: 2rem }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0 0 1rem; text-wrap: balance }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 1rem 0 }
dt { color: light-dark(#57534e, #a8a29e) } dd { margin: 0; overflow-wrap: anywhere }
form { display: grid; gap: .5rem; margin-top: 1.5rem }
input, button { font: inherit; padding: .6rem .8rem; border-radius: .5rem; border: 1px solid light-dark(#78716c, #a8a29e); background: light-dark(#fff, #292524); color: inherit }
button { background: light-dark(#1d4ed8, #93c5fd); color: light-dark(#fff, #172554); border-color: transparent; font-weight: 600; cursor: pointer }
:focus-visible { outline: 3px solid light-dark(#1d4ed8, #93c5fd); outline-offset: 2px }
.problem { color: light-dark(#b91c1c, #fca5a5); margin: 0 }
footer { margin-top: 2rem; font-size: .875rem; color: light-dark(#57534e, #a8a29e) }
`

export const pageHeaders: Record<string, string> = {
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

export function downloadPage({ title, texts, facts = [], form, refresh }: DownloadPage): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refresh === undefined ? '' : `<meta http-equiv="refresh" content="${refresh}">\n`}<title>${escaped(title)} · Docker Archiver</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
${texts.map((text) => `<p>${escaped(text)}</p>`).join('\n')}
${facts.length === 0 ? '' : `<dl>${facts.map(({ name, value }) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`).join('')}</dl>`}
${form ? formOf(form.problem) : ''}
<footer>Docker Archiver</footer>
</main>
</body>
</html>
`
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
