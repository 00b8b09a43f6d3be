// What one job made of one stack.

/** incomplete: whole and readable, but some of its source could not be read. */
export const backupStates = ['good', 'incomplete', 'corrupt', 'deleted'] as const
export type BackupState = (typeof backupStates)[number]
