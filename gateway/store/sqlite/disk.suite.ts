import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { atEnd, tempFolder } from './faults.suite.ts'

/** A folder on a disk of a few MiB that can be filled up and freed. */
export interface TightDisk {
  folder: string
  /** Leaves at most `free` bytes. Default 0 */
  fill(free?: number): void
  free(): void
}

/** A file system of its own, where this may be mounted. */
function mountedDisk(t: TestContext): TightDisk {
  const folder = join(tempFolder(t), 'disk')
  mkdirSync(folder)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder])
  atEnd(t, () => execFileSync('umount', ['--lazy', folder]))
  const ballast = join(folder, 'ballast')

  function writeUntilFull(): number {
    const file = openSync(ballast, 'a')
    const page = Buffer.alloc(4096)
    let written = 0
    try {
      for (;;) written += writeSync(file, page)
    } catch {
      return written
    } finally {
      closeSync(file)
    }
  }

  return {
    folder,
    fill(free = 0) {
      writeUntilFull()
      if (free > 0) execFileSync('truncate', ['-s', `-${free}`, ballast])
    },
    free: () => rmSync(ballast, { force: true }),
  }
}

/** The system's limit on the size of a file, for this process: needs no rights, and fails in the middle of a write. */
function limitedFiles(t: TestContext): TightDisk {
  const folder = tempFolder(t)
  const limit = (bytes: number | 'unlimited') =>
    execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`])
  const ignore = () => {}
  process.on('SIGXFSZ', ignore)
  atEnd(t, () => {
    limit('unlimited')
    process.off('SIGXFSZ', ignore)
  })
  return {
    folder,
    fill(free = 0) {
      const sizes = readdirSync(folder).map(name => statSync(join(folder, name)).size)
      limit(Math.max(0, ...sizes) + free)
    },
    free: () => limit('unlimited'),
  }
}

function mayMount(): boolean {
  try {
    execFileSync('mount', ['--fake', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' })
    return process.getuid?.() === 0
  } catch {
    return false
  }
}

/** The second kind where no file system may be mounted; both where one may. */
export const tightDisks: Record<string, (t: TestContext) => TightDisk> = {
  ...(mayMount() ? { 'a full file system': mountedDisk } : {}),
  'a limit on the size of files': limitedFiles,
}
