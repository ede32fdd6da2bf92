import { PipelineError } from '../../runtime/errors.ts'

export interface S3Place {
  bucket: string
  /** without a slash at its start; may be empty */
  key: string
}

export const isS3 = (path: string): boolean => /^s3:\/\//i.test(path)

/** Bucket and key of `s3://BUCKET/KEY`. Throws `bad_pipeline` at the key `path`. */
export function parseS3(url: string): S3Place {
  const [, bucket, key = ''] = /^s3:\/\/([^/]*)(?:\/(.*))?$/is.exec(url) ?? []
  if (bucket !== undefined && /^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i.test(bucket)) return { bucket, key }
  throw new PipelineError(
    'bad_pipeline',
    `${JSON.stringify(url)} names no bucket: write s3://BUCKET/PREFIX, with a bucket of 3 to 63 letters, digits, dots and hyphens`,
    { path: ['path'] },
  )
}

export const s3Url = (bucket: string, key: string): string => `s3://${bucket}/${key}`
