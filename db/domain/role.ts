// What a person or a token may do: viewer reads, operator runs, admin configures.
export const roles = ['viewer', 'operator', 'admin'] as const
export type Role = (typeof roles)[number]

export function mayActAs(held: Role, wanted: Role): boolean {
  return roles.indexOf(held) >= roles.indexOf(wanted)
}

/** A token never has more power than its user has now. */
export function weaker(one: Role, other: Role): Role {
  return mayActAs(one, other) ? other : one
}

/** Unknown words grant the least. */
export function roleOf(text: unknown): Role {
  return roles.find((role) => role === text) ?? 'viewer'
}
