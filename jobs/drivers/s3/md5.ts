import { createHash } from 'node:crypto'
import type { S3Client } from '@aws-sdk/client-s3'

export const md5Of = (bytes: Uint8Array | string): string => createHash('md5').update(bytes).digest('base64')

interface Request {
  headers: Record<string, string>
  body?: unknown
}

/** Deletes in batches must have a checksum, and the one that every server knows is Content-MD5. */
export function md5OfBatches(client: S3Client): void {
  client.middlewareStack.add(
    (next, { commandName }) =>
      async input => {
        const { headers, body } = input.request as Request
        if (commandName === 'DeleteObjectsCommand' && typeof body === 'string') {
          for (const name of Object.keys(headers))
            if (/^x-amz-(checksum-|sdk-checksum-)/i.test(name)) delete headers[name]
          headers['content-md5'] = md5Of(body)
        }
        return next(input)
      },
    { step: 'build', priority: 'low', name: 'millraceContentMd5' },
  )
}
