// What a browser says of itself, in words people know it by.
import { words } from './words.ts'

// order counts: Edge and Opera also call themselves Chrome, which also calls itself Safari
const browsers: [RegExp, string][] = [
  [/Edg(e|A|iOS)?\//, 'Edge'],
  [/OPR\/|Opera/, 'Opera'],
  [/SamsungBrowser\//, 'Samsung Internet'],
  [/Firefox\/|FxiOS\//, 'Firefox'],
  [/Chrome\/|CriOS\/|Chromium\//, 'Chrome'],
  [/Safari\//, 'Safari'],
]
const systems: [RegExp, string][] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/Mac OS X|Macintosh/, 'macOS'],
  [/CrOS/, 'ChromeOS'],
  [/Linux|X11/, 'Linux'],
]

/** "Firefox on Linux"; what is no browser is called by its own name: "The program curl". */
export function deviceOf(userAgent: string): string {
  const named = (known: [RegExp, string][]) => known.find(([pattern]) => pattern.test(userAgent))?.[1]
  const browser = named(browsers)
  const program = /^([\w.-]+)/.exec(userAgent)?.[1]
  if (!browser && program && program !== 'Mozilla') return words.sessions.program(program)
  return words.sessions.device(browser ?? words.sessions.unknownBrowser, named(systems) ?? words.sessions.unknownSystem)
}
