// Where one is in a list that may be far longer than a browser can scroll: a row, not a distance in pixels. The scroll bar
// shows a share of the whole; wheel, keys and fingers move by the pixels they say.

/** The row at the top of the view, and how much of it is hidden above, in px. */
export interface Place {
  row: number
  offset: number
}

export interface Extent {
  count: number
  /** Height of what is in view, in px. */
  view: number
  /** Of a row, in px: as measured, or as guessed. */
  height: (row: number) => number
}

/** Firefox draws nothing beyond 17 million px, Chromium beyond 33. */
export const tallest = 8_000_000

export const start: Place = { row: 0, offset: 0 }

/** Where the last row ends with the view. */
export function endOf({ count, view, height }: Extent): Place {
  let left = view
  for (let row = count - 1; row >= 0; row--) {
    left -= height(row)
    if (left <= 0) return { row, offset: 0 - left }
  }
  return start
}

export function isBefore(one: Place, other: Place): boolean {
  return one.row < other.row || (one.row === other.row && one.offset < other.offset)
}

/** So many px further down, or up where it is negative; not beyond either end. */
export function moved({ row, offset }: Place, by: number, extent: Extent): Place {
  let left = offset + by
  while (left < 0 && row > 0) left += extent.height(--row)
  while (row < extent.count - 1 && left >= extent.height(row)) left -= extent.height(row++)
  return within({ row, offset: Math.max(0, left) }, extent)
}

export function within(place: Place, extent: Extent): Place {
  const end = endOf(extent)
  return isBefore(end, place) ? end : place
}

/** 0 at the beginning, 1 at the end. */
export function shareOf(place: Place, extent: Extent): number {
  const all = valueOf(endOf(extent), extent)
  return all === 0 ? 0 : Math.min(1, valueOf(place, extent) / all)
}

export function placeAt(share: number, extent: Extent): Place {
  const value = share * valueOf(endOf(extent), extent)
  const row = Math.floor(value)
  return within({ row, offset: (value - row) * extent.height(row) }, extent)
}

const valueOf = ({ row, offset }: Place, { height }: Extent): number => row + offset / height(row)

/** A place that shows this row in the middle of the view. */
export function around(row: number, extent: Extent): Place {
  return moved({ row, offset: 0 }, -(extent.view - extent.height(row)) / 2, extent)
}
