import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A folder on the real disk, one subfolder per round, all gone when the process ends. */
export interface Workdir {
  /** makes an empty folder; removes the one before, and lets the disk settle */
  fresh(): string
}

export const repository = fileURLToPath(new URL('../../..', import.meta.url))

const tmpfs = 0x01021994

export function openWorkdir(): Workdir {
  const cache = join(repository, '.cache')
  mkdirSync(cache, { recursive: true })
  if (statfsSync(cache).type === tmpfs) throw new Error(`${cache} is in memory: a benchmark there proves nothing`)
  const root = mkdtempSync(join(cache, 'bench-'))
  process.on('exit', () => rmSync(root, { recursive: true, force: true }))
  let current: string | undefined
  let made = 0
  return {
    fresh() {
      if (current) rmSync(current, { recursive: true, force: true })
      // what one side left unwritten must not slow the other
      spawnSync('sync')
      current = join(root, String(made++))
      mkdirSync(current)
      return current
    },
  }
}
