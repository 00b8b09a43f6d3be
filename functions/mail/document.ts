// What a mail says, once: from the same blocks come its text and its HTML. Nothing else writes HTML, so all of it is escaped.

export type Block =
  | { is: 'heading'; text: string }
  | { is: 'paragraph'; text: string }
  /** Names and values. */
  | { is: 'facts'; rows: [string, string][] }
  | { is: 'table'; head: string[]; rows: string[][] }
  | { is: 'list'; items: string[] }
  /** What a program wrote, line by line. */
  | { is: 'output'; lines: string[] }
  | { is: 'link'; text: string; href: string }

export function asText(blocks: Block[]): string {
  return `${blocks.map((block) => plain(textOf(block))).join('\n\n')}\n`
}

function textOf(block: Block): string {
  switch (block.is) {
    case 'heading':
      return `${block.text}\n${'='.repeat(widthOf(block.text))}`
    case 'paragraph':
      return block.text
    case 'facts':
      return inColumns(block.rows.map(([name, value]) => [`${name}:`, value]))
    case 'table': {
      const rule = block.head.map((title) => '-'.repeat(widthOf(title)))
      return inColumns([block.head, rule, ...block.rows])
    }
    case 'list':
      return block.items.map((item) => `- ${item}`).join('\n')
    case 'output':
      return block.lines.map((line) => `    ${line}`).join('\n')
    case 'link':
      return `${block.text}: ${block.href}`
  }
}

function inColumns(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => widthOf(row[column] ?? ''))))
  const line = (row: string[]) =>
    row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell))).join('  ')
  return rows.map((row) => line(row).trimEnd()).join('\n')
}

function widthOf(text: string): number {
  return [...text].length
}

export function asHtml(title: string, blocks: Block[]): string {
  return (
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title></head>\n` +
    `<body style="font-family: sans-serif; font-size: 14px; line-height: 1.5">\n${blocks.map(htmlOf).join('\n')}\n</body></html>\n`
  )
}

const cell = 'border: 1px solid #8888; padding: 4px 8px; text-align: left; vertical-align: top'

function htmlOf(block: Block): string {
  switch (block.is) {
    case 'heading':
      return `<h2 style="font-size: 16px; margin: 20px 0 8px">${escaped(block.text)}</h2>`
    case 'paragraph':
      return `<p>${withBreaks(block.text)}</p>`
    case 'facts':
      return table(
        block.rows.map(
          ([name, value]) =>
            `<tr><th scope="row" style="${cell}">${escaped(name)}</th><td style="${cell}">${withBreaks(value)}</td></tr>`,
        ),
      )
    case 'table':
      return table([
        `<tr>${block.head.map((title) => `<th scope="col" style="${cell}">${escaped(title)}</th>`).join('')}</tr>`,
        ...block.rows.map(
          (row) => `<tr>${row.map((text) => `<td style="${cell}">${withBreaks(text)}</td>`).join('')}</tr>`,
        ),
      ])
    case 'list':
      return `<ul>${block.items.map((item) => `<li>${withBreaks(item)}</li>`).join('')}</ul>`
    case 'output':
      return `<pre style="padding: 8px; border: 1px solid #8888; white-space: pre-wrap">${block.lines.map(escaped).join('\n')}</pre>`
    case 'link':
      return `<p><a href="${escaped(block.href)}">${escaped(block.text)}</a></p>`
  }
}

function table(rows: string[]): string {
  return `<table style="border-collapse: collapse">\n${rows.join('\n')}\n</table>`
}

function withBreaks(text: string): string {
  return escaped(text).replaceAll('\n', '<br>')
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escaped(text: string): string {
  return plain(text).replaceAll(/[&<>"']/g, (letter) => entities[letter] ?? letter)
}

/** Without what steers terminals and mail programs: escape sequences, other control characters, reversed writing. */
function plain(text: string): string {
  return (
    text
      .replaceAll('\r\n', '\n')
      // eslint-disable-next-line no-control-regex
      .replaceAll(/\u001b\[[0-9;?]*[a-zA-Z]/g, '')
      // eslint-disable-next-line no-control-regex
      .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
  )
}
