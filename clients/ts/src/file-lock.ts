import { linkSync, readFileSync, realpathSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { attempt, fault } from './file-fault.ts'

/** Folders that this process has open: its own pid in a lock says nothing about a second client. */
const mine = new Set<string>()

/** Takes the folder for this process; returns how to give it back. The file informs: what fences is the epoch. */
export function takeLock(folder: string): () => void {
  const path = join(folder, 'lock')
  const real = attempt(folder, 'open the folder', () => realpathSync(folder))
  if (mine.has(real))
    throw fault(path, 'this process has the spool open already', 'give each client a folder of its own')
  attempt(path, 'take the lock', () => {
    while (!create(path)) removeStale(path)
  })
  mine.add(real)
  return () => {
    mine.delete(real)
    try {
      if (readOwner(path)?.pid === process.pid) unlinkSync(path)
    } catch {
      // a lock that stays behind is stale once this process is gone
    }
  }
}

/** False where there is one already. */
function create(path: string): boolean {
  try {
    writeFileSync(path, `${process.pid}\n${bornAt(process.pid) ?? ''}\n`, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    // made, but empty: a full disk must not keep its spool from being sent
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error
  }
  return true
}

function removeStale(path: string): void {
  const owner = readOwner(path)
  if (owner !== undefined && isHeld(owner))
    throw fault(
      path,
      `process ${owner.pid} has the spool open`,
      'end it, give this client a folder of its own, or remove the lock if that process is none of yours',
    )
  const aside = `${path}.${process.pid}`
  renameSync(path, aside)
  // between the two steps another process may have done the same, and made its own
  if (readOwner(aside)?.text !== owner?.text) linkSync(aside, path)
  unlinkSync(aside)
}

interface Owner {
  text: string
  pid: number
  /** when it began, where its platform tells; another process may have its pid by now */
  born: string | undefined
}

/** Undefined: empty, or gone by now. */
function readOwner(path: string): Owner | undefined {
  try {
    const text = readFileSync(path, 'latin1')
    const [pid, born] = text.split('\n')
    return Number(pid) ? { text, pid: Number(pid), born: born || undefined } : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Also by another thread of this process. */
function isHeld({ pid, born }: Owner): boolean {
  if (born !== undefined) return bornAt(pid) === born
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Start of a process in clock ticks since the machine's: proc(5), field 22 of `stat`. Undefined: none, or no Linux. */
function bornAt(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
