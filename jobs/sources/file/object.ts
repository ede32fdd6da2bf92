import type { Bucket, S3Object } from '../../drivers/s3/bucket.ts'
import { ChangedError } from '../../drivers/s3/failures.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { RandomAccess } from './place.ts'

/** Bytes of a request. */
const chunkBytes = 4 * 1024 * 1024

export interface ObjectReader {
  open(object: S3Object, name: string): RandomAccess
}

interface Chunk {
  object: string
  from: number
  to: number
  bytes: Promise<Buffer | ChangedError>
}

/**
 * Reads objects by ranges of 4 MiB. Whoever reads on has the next one under way; the last two of whatever object are in
 * memory, so that to look at the beginning and then to read it is one request.
 */
export function createObjectReader(bucket: Bucket, tried: <T>(call: () => Promise<T>) => Promise<T>): ObjectReader {
  let chunks: Chunk[] = []

  function load({ key, bytes, etag }: S3Object, from: number): Chunk {
    const object = `${etag} ${key}`
    const known = chunks.find(chunk => chunk.object === object && chunk.from <= from && from < chunk.to)
    if (known !== undefined) return known
    const to = Math.min(bytes, from + chunkBytes)
    const chunk = { object, from, to, bytes: tried(() => bucket.range(key, { from, to, etag }).catch(asChanged)) }
    // who reads it hears of the failure
    chunk.bytes.catch(() => {
      chunks = chunks.filter(other => other !== chunk)
    })
    chunks = [...chunks.slice(-1), chunk]
    return chunk
  }

  return {
    open: (object, name) => ({
      async read(buffer, offset, length, position) {
        if (position >= object.bytes || length <= 0) return { bytesRead: 0 }
        const chunk = load(object, position)
        const bytes = await chunk.bytes
        if (bytes instanceof ChangedError) throw replaced(name, bytes)
        const at = position - chunk.from
        const isHalfRead = at + length > (chunk.to - chunk.from) / 2
        if (isHalfRead && chunk.from > 0 && chunk.to < object.bytes) load(object, chunk.to)
        return { bytesRead: bytes.copy(buffer, offset, at, Math.min(bytes.length, at + length)) }
      },
      stat: async () => ({ size: object.bytes }),
      close: async () => {},
    }),
  }
}

/** No other try of the same would end in another way. */
function asChanged(error: unknown): ChangedError {
  if (error instanceof ChangedError) return error
  throw error
}

/** Another try finds what is there now. */
export function replaced(name: string, cause: Error): PipelineError {
  return new PipelineError('unavailable', `${name}: is another object than it was a moment ago, or gone`, {
    cause: Object.assign(new Error(cause.message), { code: 'ENOENT' }),
  })
}
