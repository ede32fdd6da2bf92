import { PipelineError } from '../../runtime/errors.ts'
import type { Bucket } from './bucket.ts'
import { nameOf } from './failures.ts'

/** Whether a server writes only where a condition holds, by which one writer knows of another. */

/**
 * Asks for a write that must not happen, so that nothing changes: to an object with an ETag that none has. Throws
 * `bad_pipeline` where it happens all the same.
 */
export async function mustRefuse(bucket: Bucket, key: string): Promise<void> {
  const isWritten = await known(bucket, () =>
    bucket.write(key, new Uint8Array(), { etag: '"00000000000000000000000000000000"' }),
  )
  if (!isWritten) return
  await bucket.remove([key])
  throw unconditional(bucket)
}

/** Makes an object that is there already, or twice. Throws `bad_pipeline` where both are taken. */
export async function mustMakeOnce(bucket: Bucket, key: string): Promise<void> {
  const text = Buffer.from('a server that takes this twice cannot tell writers apart\n')
  const make = () => known(bucket, () => bucket.write(key, text, { absent: true }))
  if ((await make()) && (await make())) throw unconditional(bucket)
}

async function known<T>(bucket: Bucket, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    throw nameOf((error as Error).cause) === 'NotImplemented' ? unconditional(bucket, error) : error
  }
}

const unconditional = ({ name }: Bucket, cause?: unknown) =>
  new PipelineError(
    'bad_pipeline',
    `the server of bucket ${name} writes an object anew where it was asked not to (If-None-Match), so that two runs could not tell each other: use one that has conditional writes, such as AWS, R2 or MinIO, or write to a folder and copy it there`,
    { path: ['path'], cause },
  )
