import { open, stat } from 'node:fs/promises'
import { fileError, isGone } from './errors.ts'
import { namesOf, type Pattern, pathOf } from './glob.ts'
import type { FilePlace, Listed } from './place.ts'

const atOnce = 32

/** Files on disk. */
export function createFolder(pattern: Pattern): FilePlace {
  return {
    async list(signal) {
      const names = (await namesOf(pattern)).sort()
      const listed: Listed[] = []
      for (let from = 0; from < names.length; from += atOnce) {
        signal.throwIfAborted()
        const some = await Promise.all(names.slice(from, from + atOnce).map(name => look(pattern, name)))
        for (const entry of some) if (entry !== undefined) listed.push(entry)
      }
      return listed
    },
    look: name => look(pattern, name),
    allow: [pattern.base],
    watched: pattern.base,
    // whatever happens to a file sets its ctime then
    lateness: 0,
  }
}

async function look({ base }: Pattern, name: string): Promise<Listed | undefined> {
  const path = pathOf(base, name)
  try {
    const stats = await stat(path)
    if (!stats.isFile()) return undefined
    return {
      name,
      path,
      size: stats.size,
      changed: micros(stats.ctimeMs),
      born: micros(stats.birthtimeMs),
      open: () =>
        open(path).catch(error => {
          throw fileError(name, error)
        }),
    }
  } catch (error) {
    // between the listing and the look
    if (isGone(fileError(name, error))) return undefined
    throw fileError(path, error)
  }
}

const micros = (ms: number): number => Math.floor(ms * 1000)
