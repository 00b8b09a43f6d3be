// The order in which a walk over several sources meets names.
import { inWalkOrder } from './entry-line.ts'

/** Negative where `a` comes before `b`, which is in one of the sources; -Infinity where `a` is in none, any more. */
export type WalkOrder = (a: string, b: string) => number

/** `sources`: their names, in the order in which they are walked. */
export function orderOf(sources: readonly string[]): WalkOrder {
  const sourceOf = (name: string) => sources.findIndex((source) => isIn(source, name))
  return (a, b) => {
    const [inA, inB] = [sourceOf(a), sourceOf(b)]
    if (inA < 0) return -Infinity
    return inA === inB ? inWalkOrder(a, b) : inA - inB
  }
}

function isIn(source: string, name: string): boolean {
  return name === source || source === '' || name.startsWith(`${source}/`)
}
