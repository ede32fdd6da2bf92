import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { after } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import type { Bucket } from './bucket.ts'
import { clientOf } from './client.ts'
import type { S3Settings } from './keys.ts'
import { openBucket } from './open.ts'
import { isS3, parseS3 } from './url.ts'

/** What tests with buckets have in common. */

const keys = { access_key_id: 'millrace', secret_access_key: 'millrace-secret' }

/**
 * The S3 server of the tests; MILLRACE_S3_ENDPOINT names another one with the same keys. The environment tells this
 * process and its children where it is, as it would be told on a user's machine.
 */
export function s3Service(): { skip: string | false; endpoint: string; settings: S3Settings } {
  const own = process.env.MILLRACE_S3_ENDPOINT
  const { skip, at } = own === undefined ? service('s3') : { skip: false as const, at: { S3: own } }
  process.env.AWS_ENDPOINT_URL_S3 = at.S3
  process.env.AWS_ACCESS_KEY_ID = keys.access_key_id
  process.env.AWS_SECRET_ACCESS_KEY = keys.secret_access_key
  return { skip, endpoint: at.S3, settings: { endpoint: at.S3, ...keys } }
}

/** A bucket of the test file's own, made when it is first asked for, and removed at the end. */
export async function ownBucket(): Promise<{ skip: string | false; bucket: Bucket; settings: S3Settings }> {
  const { skip, settings } = s3Service()
  const name = `test-${randomBytes(6).toString('hex')}`
  const bucket = await openBucket(settings, name)
  if (skip === false) {
    const { client, sdk } = await clientOf(settings)
    await client.send(new sdk.CreateBucketCommand({ Bucket: name }))
    after(async () => {
      for (const upload of await bucket.unfinished('')) await bucket.abandon(upload)
      const keys: string[] = []
      for await (const { key } of bucket.list('')) keys.push(key)
      // this server removes no folder before what is in it
      await bucket.remove(keys.reverse())
      await client.send(new sdk.DeleteBucketCommand({ Bucket: name }))
    })
  }
  return { skip, bucket, settings }
}

/** A prefix of the test's own. */
export const ownPrefix = (bucket: Bucket): string => bucket.url(randomBytes(4).toString('hex'))

/** Copies all files of a folder below a new prefix. */
export async function uploaded(bucket: Bucket, folder: string, at = ownPrefix(bucket)): Promise<string> {
  const { key } = parseS3(at)
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) await bucket.upload(`${key}/${relative(folder, path)}`, path)
  }
  return at
}

/** A folder on disk with what is at a path now: the folder itself, or a copy of what a bucket has there. */
export async function mirrored(path: string): Promise<string> {
  if (!isS3(path)) return path
  process.setMaxListeners(0)
  const { bucket: name, key } = parseS3(path)
  const bucket = await openBucket(s3Service().settings, name)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-mirror-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  for await (const object of bucket.list(`${key}/`)) {
    const to = join(folder, object.key.slice(key.length + 1))
    mkdirSync(dirname(to), { recursive: true })
    await bucket.download(object, to)
  }
  return folder
}
