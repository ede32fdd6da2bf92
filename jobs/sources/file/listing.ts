import { stat } from 'node:fs/promises'
import { fileError, isGone } from './errors.ts'
import { namesOf, type Pattern, pathOf } from './glob.ts'

export interface Listed {
  /** relative to the folder of the pattern */
  name: string
  path: string
  size: number
  /** when it was last changed in any way, renamed included (ctime), and made (birth time); microseconds UTC */
  changed: number
  born: number
}

const atOnce = 32

/** The files of a pattern as they are now, by name. */
export async function listFiles(pattern: Pattern, signal: AbortSignal): Promise<Listed[]> {
  const names = (await namesOf(pattern)).sort()
  const listed: Listed[] = []
  for (let from = 0; from < names.length; from += atOnce) {
    signal.throwIfAborted()
    const some = await Promise.all(names.slice(from, from + atOnce).map(name => look(pattern, name)))
    for (const entry of some) if (entry !== undefined) listed.push(entry)
  }
  return listed
}

async function look({ base }: Pattern, name: string): Promise<Listed | undefined> {
  const path = pathOf(base, name)
  try {
    const stats = await stat(path)
    if (!stats.isFile()) return undefined
    return { name, path, size: stats.size, changed: micros(stats.ctimeMs), born: micros(stats.birthtimeMs) }
  } catch (error) {
    // between the listing and the look
    if (isGone(fileError(name, error))) return undefined
    throw fileError(path, error)
  }
}

const micros = (ms: number): number => Math.floor(ms * 1000)
