// Numbers and times as people read them. The present is passed in, and so is the display time zone.

const sizeUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** Binary units, three digits: 1536 → "1.50 KiB". */
export function size(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1023.5 && unit < sizeUnits.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0
  return `${value.toFixed(digits)} ${sizeUnits[unit]}`
}

/** 0.4 → "0.4 s", 75 → "1 min 15 s", 7260 → "2 h 1 min". */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${(Math.max(0, Math.round(seconds * 10)) / 10).toString()} s`
  const whole = Math.round(seconds)
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60]
  if (h > 0) return m > 0 ? `${h} h ${m} min` : `${h} h`
  if (m > 0) return s > 0 ? `${m} min ${s} s` : `${m} min`
  return `${s} s`
}

/** A stopwatch: "00:03", "1:02:03". */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const two = (n: number) => String(n).padStart(2, '0')
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60]
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`
}

/** Until something begins: "2 d 3 h", "5 h 12 min", "4 min 09 s", "9 s". */
export function countdown(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds))
  const two = (n: number) => String(n).padStart(2, '0')
  if (whole >= 86400) return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`
  if (whole >= 3600) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`
  return whole >= 60 ? `${Math.floor(whole / 60)} min ${two(whole % 60)} s` : `${whole} s`
}

/** "just now", "5 min ago", "in 3 d". */
export function relative(at: Date, now: Date): string {
  const seconds = Math.round((now.getTime() - at.getTime()) / 1000)
  const distance = Math.abs(seconds)
  if (distance < 10) return 'just now'
  const text = span(distance)
  return seconds > 0 ? `${text} ago` : `in ${text}`
}

function span(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`
  if (seconds < 86400 * 60) return `${Math.floor(seconds / 86400)} d`
  if (seconds < 86400 * 730) return `${Math.floor(seconds / (86400 * 30.44))} months`
  return `${Math.floor(seconds / (86400 * 365.25))} years`
}

const formats = new Map<string, Intl.DateTimeFormat>()

function dateFormat(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone)
  if (!format) {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      year: 'numeric',
      month: 'short',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
    })
    formats.set(timeZone, format)
  }
  return format
}

function parts(at: Date, timeZone: string): Record<string, string> {
  return Object.fromEntries(
    dateFormat(timeZone)
      .formatToParts(at)
      .map((part) => [part.type, part.value]),
  )
}

/** "23 Nov 2026, 13:04:05". */
export function exact(at: Date, timeZone: string): string {
  const { day, month, year, hour, minute, second } = parts(at, timeZone)
  return `${day} ${month} ${year}, ${hour}:${minute}:${second}`
}

const weekdays = new Map<string, Intl.DateTimeFormat>()

/** "Mon 23 Nov 2026, 13:04", of a run to come. */
export function runTime(at: Date, timeZone: string): string {
  let weekday = weekdays.get(timeZone)
  if (!weekday) weekdays.set(timeZone, (weekday = new Intl.DateTimeFormat('en-GB', { timeZone, weekday: 'short' })))
  return `${weekday.format(at)} ${exact(at, timeZone).slice(0, -3)}`
}

/** "4 Dec", and "4 Dec 2027" in another year than the present. */
export function day(at: Date, timeZone: string, now: Date): string {
  const { day, month, year } = parts(at, timeZone)
  return `${Number(day)} ${month}${year === parts(now, timeZone).year ? '' : ` ${year}`}`
}

/** "13:04:05", for lines of a log. */
export function timeOfDay(at: Date, timeZone: string): string {
  const { hour, minute, second } = parts(at, timeZone)
  return `${hour}:${minute}:${second}`
}

const counts = new Intl.NumberFormat('en')

/** "43 %"; never 100 % of what is not all there. */
export function share(part: number, whole: number): string {
  return `${whole > 0 ? Math.floor((Math.min(part, whole) / whole) * 100) : 100} %`
}

/** 12345 → "12,345". */
export function count(n: number): string {
  return counts.format(n)
}

/** "1 stack", "3 stacks". */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`
}
