// Names in the folder for downloads: `<backup id>_<YYYYMMDD_HHMMSS>_<stack>.tar.zst`, and nothing else. Pure.

/** Throws for a name that is not one of ours. */
export function preparedName(name: string): string {
  if (!/^[1-9][0-9]{0,15}_\d{8}_\d{6}_[A-Za-z0-9._-]{1,200}\.tar\.zst$/.test(name))
    throw new Error(`"${name}" is not the name of a prepared file`)
  return name
}
