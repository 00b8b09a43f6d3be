// Tells a mounted volume from the folder it is mounted on. Pure.

/** Where a helper container has a volume. */
export function placeOfVolume(name: string): string {
  return `/.archiver/volumes/${name}`
}

/**
 * Of `names`, volumes that Docker mounts, those that are not: what a container sees then is the folder `<name>/_data` in
 * Docker's own folder, which holds nothing.
 */
export function notMounted(names: string[], mountinfo: string): string[] {
  const mounts = new Map<string, string>()
  for (const line of mountinfo.split('\n')) {
    const [, , , root = '', target = ''] = line.split(' ')
    mounts.set(target, root)
  }
  return names.filter((name) => {
    const root = mounts.get(placeOfVolume(name))
    return root === undefined || root.endsWith(`/volumes/${name}/_data`)
  })
}
