import { createBudget } from '../../../core/budget.ts'
import type { NodeContext } from '../../runtime/contract.ts'
import type { Bucket } from '../s3/bucket.ts'
import { ChangedError } from '../s3/failures.ts'
import { parseS3 } from '../s3/url.ts'
import { eachOf } from './each.ts'
import { lakeFailure } from './failures.ts'
import type { Files, Step } from './files.ts'
import type { Scratch } from './scratch.ts'

/** Bytes of files that are being sent or fetched at once: each in up to four parts of 8 MiB. */
const sentAtOnce = 64 * 1024 * 1024
const partsInMemory = 32 * 1024 * 1024
const atOnce = 16

export interface ObjectFilesOptions {
  bucket: Bucket
  scratch: Scratch
  /** tries again while the server is away: whatever is done here may be done twice */
  retry: NodeContext['retry']
  /** of a test that lets steps fail */
  before?: Files['before'] | undefined
}

/**
 * A folder in a bucket. Objects are whole and durable once they are written; a name is made once by a conditional write,
 * in the place of a hard link; a rename is a copy on the server and the removal of what was copied.
 */
export function createObjectFiles({ bucket, scratch, retry, before = () => {} }: ObjectFilesOptions): Files {
  const budget = createBudget({ limit: sentAtOnce, patienceMs: Number.POSITIVE_INFINITY })
  const keyOf = (path: string) => parseS3(path).key
  const prefixOf = (folder: string) => (keyOf(folder) === '' ? '' : `${keyOf(folder)}/`)

  function tried<T>(call: () => Promise<T>): Promise<T> {
    return retry(`bucket ${bucket.name}`, call)
  }

  function step(name: Step, path: string): void {
    try {
      before(name, path)
    } catch (error) {
      throw lakeFailure(error, path)
    }
  }

  async function within<T>(bytes: number, call: () => Promise<T>): Promise<T> {
    const held = Math.min(bytes, partsInMemory)
    await budget.acquire(held)
    try {
      return await call()
    } finally {
      budget.release(held)
    }
  }

  async function remove(...paths: string[]): Promise<void> {
    if (paths.length === 0) return
    for (const path of paths) step('remove', path)
    await tried(() => bucket.remove(paths.map(keyOf)))
    for (const path of paths) await scratch.drop(path)
  }

  async function fetchOne(path: string): Promise<void> {
    if (scratch.has(path)) return
    const found = await tried(() => bucket.head(keyOf(path)))
    if (found === undefined) throw gone(path)
    await within(found.bytes, () =>
      tried(async () => {
        await scratch.drop(path)
        try {
          await bucket.download(found, scratch.local(path))
        } catch (error) {
          throw error instanceof ChangedError ? gone(path) : lakeFailure(error, scratch.local(path))
        }
      }),
    )
    scratch.keep(path, found.bytes)
  }

  return {
    atOnce,
    before,
    remove,
    read: async path => (await tried(() => bucket.read(keyOf(path))))?.toString(),
    list: async folder => (await tried(() => bucket.names(prefixOf(folder)))).map(name => name.replace(/\/$/, '')),
    exists: async path => (await tried(() => bucket.head(keyOf(path)))) !== undefined,
    async identity(path) {
      const found = await tried(() => bucket.head(keyOf(path)))
      return found && { bytes: found.bytes, mark: found.etag }
    },
    find: (folder, isSeen) =>
      tried(async () => {
        const prefix = prefixOf(folder)
        const found = []
        for await (const { key, bytes, etag, modified } of bucket.list(prefix)) {
          const path = key.slice(prefix.length)
          if (path.split('/').every(name => name !== '' && isSeen(name)))
            found.push({ path, bytes, mark: etag, modified })
        }
        return found
      }),
    async write(path, text) {
      step('write', path)
      await tried(() => bucket.write(keyOf(path), Buffer.from(text)))
    },
    async create(path, text) {
      step('link', path)
      const body = Buffer.from(text)
      return tried(async () => {
        if (await bucket.write(keyOf(path), body, { absent: true })) return true
        // perhaps by an earlier try, whose answer was lost
        return (await bucket.read(keyOf(path)))?.equals(body) ?? false
      })
    },
    local: path => scratch.local(path),
    async fetch(paths) {
      await scratch.trim(new Set(paths))
      await eachOf(paths, atOnce, fetchOne)
    },
    size: path => scratch.size(path),
    async sync(path) {
      step('sync', path)
      const bytes = await scratch.size(path)
      await within(bytes, () => tried(() => bucket.upload(keyOf(path), scratch.local(path))))
      scratch.keep(path, bytes)
    },
    async rename(from, to) {
      step('rename', to)
      const isThere = await tried(() => bucket.copy(keyOf(from), keyOf(to)))
      await remove(from)
      return isThere
    },
    async removeFolder(path) {
      step('remove', path)
      await tried(() => bucket.remove(keysBelow(prefixOf(path))))
    },
    async abandon(folder, isOld) {
      for (const upload of await tried(() => bucket.unfinished(prefixOf(folder))))
        if (isOld(bucket.url(upload.key))) await tried(() => bucket.abandon(upload))
    },
    // names have folders in them, and objects are durable by themselves
    makeFolder: async () => {},
    syncFolder: async () => {},
  }

  async function* keysBelow(prefix: string): AsyncGenerator<string> {
    for await (const { key } of bucket.list(prefix)) yield key
  }
}

const gone = (path: string) =>
  lakeFailure(Object.assign(new Error('there is no such object'), { code: 'ENOENT' }), path)
