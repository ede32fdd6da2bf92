import { randomBytes } from 'node:crypto'
import { type FileHandle, link, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from '../../../core/errors.ts'
import { lakeFailure } from './failures.ts'

/** Steps of the file system that change something; a test ends the process, or fails, at any of them. */
export type Step = 'copy' | 'write' | 'sync' | 'link' | 'rename' | 'remove' | 'folder' | 'sync folder'

/** What tells a file from another one of its name. */
export interface Identity {
  bytes: number
  /** of the last change: ns since 1970, or the ETag of an object */
  mark: string
}

export interface FoundFile extends Identity {
  /** below the folder that was looked through, `/` between its parts */
  path: string
  /** ms since 1970 */
  modified: number
}

/**
 * A folder as writers of a lake use it: on disk (here), or in a bucket (`objects.ts`). Paths are those of the lake, with
 * `/`. Failures are PipelineErrors that name the path.
 */
export interface Files {
  /** calls that are worth making at the same time */
  readonly atOnce: number
  /** Tells the hook of a test that a step comes which is not the file system's own. */
  before(step: Step, path: string): void
  read(path: string): Promise<string | undefined>
  /** Names in a folder; none where it is not there. */
  list(folder: string): Promise<string[]>
  exists(path: string): Promise<boolean>
  /** Undefined where there is no such file. */
  identity(path: string): Promise<Identity | undefined>
  /** Files below a folder, in no order, by way of names (of files and folders) that `isSeen`. */
  find(folder: string, isSeen: (name: string) => boolean): Promise<FoundFile[]>
  /** Writes a new file; durable once its folder is. */
  write(path: string, text: string): Promise<void>
  /** Makes a file, whole and at once; false where the name is taken. Durable once its folder is. */
  create(path: string, text: string): Promise<boolean>
  /** Where DuckDB writes and reads a file. */
  local(path: string): string
  /** These files are at their local paths until the next call. */
  fetch(paths: readonly string[]): Promise<void>
  /** Of what DuckDB wrote, bytes. */
  size(path: string): Promise<number>
  /** What DuckDB wrote is in the folder, durably. */
  sync(path: string): Promise<void>
  /** False where there is no such file. */
  rename(from: string, to: string): Promise<boolean>
  /** Files that are not there are fine. */
  remove(...paths: string[]): Promise<void>
  /** A folder and what is in it; one that is not there is fine. */
  removeFolder(path: string): Promise<void>
  /** Gives up what is being written below a folder, and `isOld`. */
  abandon(folder: string, isOld: (path: string) => boolean): Promise<void>
  /** Makes a folder, and those above it; durable when it resolves. */
  makeFolder(path: string): Promise<void>
  /** What was made, renamed or removed in the folder is so after a power cut, too. */
  syncFolder(path: string): Promise<void>
}

/** Folders on disk. `before`: of a test that lets steps fail. */
export function createFiles(before: Files['before'] = () => {}): Files {
  async function tried<T>(path: string, step: Step | undefined, call: () => Promise<T>): Promise<T> {
    try {
      if (step !== undefined) before(step, path)
      return await call()
    } catch (error) {
      throw lakeFailure(error, path)
    }
  }

  async function syncFolder(path: string): Promise<void> {
    await tried(path, 'sync folder', () => withFile(path, 'r', file => file.sync()))
  }

  async function remove(...paths: string[]): Promise<void> {
    for (const path of paths) await tried(path, 'remove', () => unlink(path).catch(unless('ENOENT', undefined)))
  }
  const write = (path: string, text: string) =>
    tried(path, 'write', () =>
      withFile(path, 'wx', async file => {
        await file.writeFile(text)
        await file.sync()
      }),
    )

  return {
    atOnce: 1,
    before,
    syncFolder,
    remove,
    write,
    read: path => tried(path, undefined, () => readFile(path, 'utf8').catch(unless('ENOENT', undefined))),
    list: folder => tried(folder, undefined, () => readdir(folder).catch(unless('ENOENT', []))),
    exists: path => tried(path, undefined, () => stat(path).then(() => true, unless('ENOENT', false))),
    identity: path => tried(path, undefined, () => identityOf(path).catch(unless('ENOENT', undefined))),
    find: (folder, isSeen) => findFiles(folder, isSeen),
    async create(path, text) {
      const temporary = `${path.replace(/\.json$/, '')}.${randomBytes(6).toString('hex')}.tmp`
      await write(temporary, text)
      const isOurs = await tried(path, 'link', () => link(temporary, path).then(() => true, unless('EEXIST', false)))
      await remove(temporary)
      return isOurs
    },
    local: path => path,
    fetch: async () => {},
    size: path => tried(path, undefined, async () => (await stat(path)).size),
    sync: path => tried(path, 'sync', () => withFile(path, 'r+', file => file.sync())),
    rename: (from, to) => tried(to, 'rename', () => rename(from, to).then(() => true, unless('ENOENT', false))),
    removeFolder: path => tried(path, 'remove', () => rm(path, { recursive: true, force: true })),
    // it is below a folder of its run, with which it goes
    abandon: async () => {},
    async makeFolder(path) {
      const first = await tried(path, 'folder', () => mkdir(path, { recursive: true }))
      if (first === undefined) return
      // the names of all that were made, from the lowest up
      for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made))
    },
  }
}

const unless =
  <T>(code: string, value: T) =>
  (error: unknown): T => {
    if (codeOf(error) !== code) throw error
    return value
  }

async function withFile<T>(path: string, flags: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, flags, 0o644)
  try {
    return await work(file)
  } finally {
    await file.close()
  }
}

async function identityOf(path: string) {
  const { size, mtimeNs, mtimeMs } = await stat(path, { bigint: true })
  return { bytes: Number(size), mark: String(mtimeNs), modified: Number(mtimeMs) }
}

async function findFiles(root: string, isSeen: (name: string) => boolean): Promise<FoundFile[]> {
  const found: FoundFile[] = []
  const walk = async (folder: string): Promise<void> => {
    const at = folder === '' ? root : `${root}/${folder}`
    let entries: Awaited<ReturnType<typeof entriesOf>>
    try {
      entries = await entriesOf(at)
    } catch (error) {
      // removed since its name was read
      if (folder !== '' && codeOf(error) === 'ENOENT') return
      throw lakeFailure(error, at)
    }
    for (const entry of entries) {
      if (!isSeen(entry.name)) continue
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) await walk(path)
      else if (entry.isFile()) {
        const identity = await identityOf(`${root}/${path}`).catch(error => {
          if (codeOf(error) === 'ENOENT') return undefined
          throw lakeFailure(error, `${root}/${path}`)
        })
        if (identity !== undefined) found.push({ path, ...identity })
      }
    }
  }
  await walk('')
  return found
}

const entriesOf = (folder: string) => readdir(folder, { withFileTypes: true })
