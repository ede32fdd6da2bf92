import { type FileHandle, link, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf } from '../../../core/errors.ts'
import { lakeFailure } from './failures.ts'

/** Steps of the file system that change something; a test ends the process, or fails, at any of them. */
export type Step = 'copy' | 'write' | 'sync' | 'link' | 'rename' | 'remove' | 'folder' | 'sync folder'

/** The file system as writers of a lake use it. Failures are PipelineErrors that name the path. */
export interface Files {
  /** Tells the hook of a test that a step comes which is not the file system's own. */
  before(step: Step, path: string): void
  read(path: string): Promise<string | undefined>
  /** Names in a folder; none where it is not there. */
  list(folder: string): Promise<string[]>
  exists(path: string): Promise<boolean>
  size(path: string): Promise<number>
  /** Writes a new file; durable once its folder is. */
  write(path: string, text: string): Promise<void>
  /** What was written to the file is on disk. */
  sync(path: string): Promise<void>
  /** Gives a file a second name; false where that is taken. */
  link(from: string, to: string): Promise<boolean>
  /** False where there is no such file. */
  rename(from: string, to: string): Promise<boolean>
  /** A file or folder that is not there is fine. */
  remove(path: string): Promise<void>
  /** Makes a folder, and those above it; durable when it resolves. */
  makeFolder(path: string): Promise<void>
  /** What was made, renamed or removed in the folder is so after a power cut, too. */
  syncFolder(path: string): Promise<void>
}

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

  return {
    before,
    syncFolder,
    read: path => tried(path, undefined, () => readFile(path, 'utf8').catch(unless('ENOENT', undefined))),
    list: folder => tried(folder, undefined, () => readdir(folder).catch(unless('ENOENT', []))),
    exists: path => tried(path, undefined, () => stat(path).then(() => true, unless('ENOENT', false))),
    size: path => tried(path, undefined, async () => (await stat(path)).size),
    write: (path, text) =>
      tried(path, 'write', () =>
        withFile(path, 'wx', async file => {
          await file.writeFile(text)
          await file.sync()
        }),
      ),
    sync: path => tried(path, 'sync', () => withFile(path, 'r+', file => file.sync())),
    link: (from, to) => tried(to, 'link', () => link(from, to).then(() => true, unless('EEXIST', false))),
    rename: (from, to) => tried(to, 'rename', () => rename(from, to).then(() => true, unless('ENOENT', false))),
    remove: path => tried(path, 'remove', () => unlink(path).catch(error => removeOther(error, path))),
    async makeFolder(path) {
      const first = await tried(path, 'folder', () => mkdir(path, { recursive: true }))
      if (first === undefined) return
      // the names of all that were made, from the lowest up
      for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made))
    },
  }
}

/** Unlinks are the rule; a folder comes with what is in it. */
async function removeOther(error: unknown, path: string): Promise<void> {
  if (codeOf(error) === 'ENOENT') return
  if (codeOf(error) !== 'EISDIR' && codeOf(error) !== 'EPERM') throw error
  await rm(path, { recursive: true, force: true })
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

/** Files below a folder that readers of a lake see, relative to it, in no order. */
export async function visibleFiles(root: string, isSeen: (name: string) => boolean): Promise<string[]> {
  const found: string[] = []
  const walk = async (folder: string): Promise<void> => {
    let entries: Awaited<ReturnType<typeof entriesOf>>
    try {
      entries = await entriesOf(join(root, folder))
    } catch (error) {
      // removed since its name was read
      if (folder !== '' && codeOf(error) === 'ENOENT') return
      throw lakeFailure(error, join(root, folder))
    }
    for (const entry of entries) {
      if (!isSeen(entry.name)) continue
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) await walk(path)
      else if (entry.isFile()) found.push(path)
    }
  }
  await walk('')
  return found
}

const entriesOf = (folder: string) => readdir(folder, { withFileTypes: true })
