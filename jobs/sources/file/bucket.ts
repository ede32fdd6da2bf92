import type { Bucket, S3Object } from '../../drivers/s3/bucket.ts'
import { ChangedError } from '../../drivers/s3/failures.ts'
import { openBucket } from '../../drivers/s3/open.ts'
import { parseS3 } from '../../drivers/s3/url.ts'
import type { NodeContext } from '../../runtime/contract.ts'
import type { FileConfig } from './file.ts'
import { hasPattern, keyPatternOf } from './glob.ts'
import { createObjectReader, type ObjectReader, replaced } from './object.ts'
import type { FilePlace, Listed } from './place.ts'

/** Objects of a bucket as files. */
export async function openBucketPlace({ path, lateness }: FileConfig, { settings, signal, retry }: NodeContext) {
  const { bucket: name, key } = parseS3(path)
  const bucket = await openBucket(settings.s3, name)
  const tried = <T>(call: () => Promise<T>) => retry(`bucket ${name}`, call)
  const isPlain = !hasPattern(key) && key !== '' && !key.endsWith('/')
  const isObject = isPlain && (await tried(() => isFile(bucket, key)))
  const { base, prefix, matches } = keyPatternOf(key, isObject)
  const reader = createObjectReader(bucket, tried)

  const place: FilePlace = {
    list: signal =>
      tried(async () => {
        const found: Listed[] = []
        for await (const object of bucket.list(prefix, { signal })) {
          if (!object.key.startsWith(base) || object.key.endsWith('/')) continue
          const file = listedOf(bucket, reader, object, base)
          if (matches(file.name)) found.push(file)
        }
        // keys come in the order of their bytes
        return found.sort((a, b) => (a.name < b.name ? -1 : 1))
      }),
    async look(name) {
      const object = await tried(() => bucket.head(base + name))
      return object && listedOf(bucket, reader, object, base)
    },
    allow: [],
    lateness: lateness * 1000,
  }
  signal.throwIfAborted()
  return { place, isFolder: !isObject && !hasPattern(key) }
}

/** Some servers find a folder as an object without bytes, too. */
async function isFile(bucket: Bucket, key: string): Promise<boolean> {
  const found = await bucket.head(key)
  if (found === undefined || found.bytes > 0) return found !== undefined
  return (await bucket.list(`${key}/`).next()).done === true
}

function listedOf(bucket: Bucket, reader: ObjectReader, object: S3Object, base: string): Listed {
  const { key, bytes, etag, modified } = object
  const name = key.slice(base.length)
  const changed = modified * 1000
  return {
    name,
    path: bucket.url(key),
    size: bytes,
    changed,
    born: changed,
    etag,
    open: async () => reader.open(object, name),
    copy: to =>
      bucket.download(object, to).catch(error => {
        throw error instanceof ChangedError ? replaced(name, error) : error
      }),
  }
}
