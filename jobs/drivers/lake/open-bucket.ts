import { mustMakeOnce, mustRefuse } from '../s3/conditions.ts'
import type { S3Settings } from '../s3/keys.ts'
import { openBucket } from '../s3/open.ts'
import { parseS3 } from '../s3/url.ts'
import { below, ownFolder } from './layout.ts'
import { createObjectFiles } from './objects.ts'
import type { Lake, OpenLakeOptions } from './open.ts'
import { openScratch } from './scratch.ts'

/** The object that is made once, and tells by that that the server has conditional writes. */
const markOf = (root: string) => parseS3(below(root, ownFolder, 'once')).key

/** A lake in a bucket. Throws `bad_pipeline` where its server does not keep writers apart. */
export async function openBucketLake(root: string, { s3, retry, before }: OpenLakeOptions): Promise<Lake> {
  const bucket = await openBucket(s3, parseS3(root).bucket)
  await retry(`bucket ${bucket.name}`, () => mustMakeOnce(bucket, markOf(root)))
  const scratch = await openScratch()
  return {
    root,
    files: createObjectFiles({ bucket, scratch, retry, before }),
    workplace: (_folder, spill) => ({ allow: [scratch.folder], temporary: `${scratch.folder}/${spill}` }),
    close: () => scratch.close(),
  }
}

/** The same question, without making anything: that the bucket is there, may be read and written to, and has them. */
export async function checkBucketLake(root: string, s3: S3Settings): Promise<void> {
  const bucket = await openBucket(s3, parseS3(root).bucket)
  await bucket.names(`${parseS3(root).key}/`)
  await mustRefuse(bucket, `${markOf(root)}-not`)
}
