import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readlink, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lakeFailure } from './failures.ts'

/** Copies of objects on the local disk, where DuckDB writes and reads them. */
export interface Scratch {
  /** goes with `close`, or with the next run on this machine after a crash */
  readonly folder: string
  /** The path of an object's copy; the same for the life of the folder. */
  local(path: string): string
  has(path: string): boolean
  /** There is a copy now, which may go when there is need: the object itself is durable. */
  keep(path: string, bytes: number): void
  /** Bytes of a copy that was written. */
  size(path: string): Promise<number>
  drop(path: string): Promise<void>
  /** Removes copies that were not used for longest, but for those of `wanted`, down to the limit. */
  trim(wanted: ReadonlySet<string>): Promise<void>
  close(): Promise<void>
}

/** Bytes of copies that are not wanted just now. */
const limit = 512 * 1024 * 1024

export async function openScratch(): Promise<Scratch> {
  const folder = await makeFolder()
  /** by their paths, the last used at the end */
  const kept = new Map<string, number>()
  const local = (path: string) => join(folder, createHash('sha256').update(path).digest('hex').slice(0, 32))

  async function drop(path: string): Promise<void> {
    kept.delete(path)
    await rm(local(path), { force: true })
  }

  return {
    folder,
    local,
    has(path) {
      const bytes = kept.get(path)
      if (bytes === undefined) return false
      kept.delete(path)
      kept.set(path, bytes)
      return true
    },
    keep: (path, bytes) => void kept.set(path, bytes),
    async size(path) {
      try {
        return (await stat(local(path))).size
      } catch (error) {
        throw lakeFailure(error, local(path))
      }
    },
    drop,
    async trim(wanted) {
      let bytes = 0
      for (const [path, size] of kept) if (!wanted.has(path)) bytes += size
      for (const [path, size] of [...kept]) {
        if (bytes <= limit) return
        if (wanted.has(path)) continue
        await drop(path)
        bytes -= size
      }
    },
    close: () => rm(folder, { recursive: true, force: true }),
  }
}

/** A folder below that of the system, with the process in its name; those of processes that are gone are removed. */
async function makeFolder(): Promise<string> {
  // processes of another container have numbers of their own
  const space = (await readlink('/proc/self/ns/pid').catch(() => '')).replace(/\D+/g, '') || '0'
  const prefix = `millrace-s3-${space}-`
  for (const name of await readdir(tmpdir()).catch(() => [])) {
    const [, pid] = new RegExp(`^${prefix}(\\d+)-`).exec(name) ?? []
    if (pid !== undefined && !isAlive(Number(pid)))
      await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => {})
  }
  const folder = join(tmpdir(), `${prefix}${process.pid}-${randomBytes(6).toString('hex')}`)
  try {
    await mkdir(folder, { mode: 0o700 })
  } catch (error) {
    throw lakeFailure(error, folder)
  }
  return folder
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
