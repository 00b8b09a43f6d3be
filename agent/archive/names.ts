// Names and paths are bytes, kept as latin1 text: one character a byte, at a quarter of the memory of a Buffer each.

export function bytes(name: string): Buffer {
  return Buffer.from(name, 'latin1')
}

export function latin1(text: string): string {
  return Buffer.from(text).toString('latin1')
}
