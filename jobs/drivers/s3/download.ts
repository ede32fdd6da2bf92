import { open } from 'node:fs/promises'
import type { Bucket, S3Object } from './bucket.ts'

const partSize = 8 * 1024 * 1024
/** that are in memory */
const partsAtOnce = 4

/** Writes an object to a new file, a few parts at once. */
export async function downloadTo(
  bucket: Bucket,
  { key, bytes, etag }: Pick<S3Object, 'key' | 'bytes' | 'etag'>,
  path: string,
): Promise<void> {
  const file = await open(path, 'wx')
  let next = 0
  async function work(): Promise<void> {
    while (next < bytes) {
      const from = next
      next += partSize
      await file.write(await bucket.range(key, { from, to: Math.min(from + partSize, bytes), etag }), 0, null, from)
    }
  }
  try {
    const ended = await Promise.allSettled(Array.from({ length: partsAtOnce }, work))
    for (const result of ended) if (result.status === 'rejected') throw result.reason
  } finally {
    await file.close()
  }
}
