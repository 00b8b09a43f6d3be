// Sizes and counts in words.

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** Binary units with three significant digits: "512 bytes", "1.46 GiB". */
export function binarySize(bytes: number): string {
  if (bytes < 1024) return counted(bytes, 'byte')
  const exponent = Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1)
  const value = bytes / 1024 ** exponent
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${units[exponent]}`
}

/** "1 file", "2 files". */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`
}
