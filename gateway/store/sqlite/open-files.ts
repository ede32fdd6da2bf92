import { rmSync, statSync } from 'node:fs'
import { lockFile } from './lock.ts'

/**
 * The files that a running store has open, by inode: SQLite goes on writing to a file that was deleted or replaced at
 * its path, where nobody would find it again.
 */
export interface OpenFiles {
  /** The path of the first one that is no longer the file that is open. */
  replaced(): string | undefined
  databaseReplaced(): boolean
  /**
   * Removes the log of a database that is no longer at the path: SQLite would take it for that of the next one there.
   * Call after its content was copied and the database closed.
   */
  removeStaleLog(): void
}

export function openFiles(path: string): OpenFiles {
  const inodeOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.ino
  const identify = (file: string) => ({ file, inode: inodeOf(file) })
  const database = identify(path)
  const log = [identify(`${path}-wal`), identify(`${path}-shm`)]
  const all = [database, ...log, identify(lockFile(path))]
  const isOther = ({ file, inode }: typeof database) => inode !== undefined && inodeOf(file) !== inode

  return {
    replaced: () => all.find(isOther)?.file,
    databaseReplaced: () => isOther(database),
    removeStaleLog() {
      if (isOther(database)) for (const part of log) if (!isOther(part)) rmSync(part.file, { force: true })
    },
  }
}
