/** Where the index of a backup that is a file lies: beside it. */
export function indexPathOf(backup: string): string {
  return `${backup}.index`
}
