import type { Readable } from 'node:stream'
import { again } from './again.ts'
import type { Bucket, S3Object, Unfinished, WriteCondition } from './bucket.ts'
import { clientOf } from './client.ts'
import { downloadTo } from './download.ts'
import { ChangedError, nameOf, s3Failure, statusOf } from './failures.ts'
import type { S3Settings } from './keys.ts'
import { md5Of } from './md5.ts'
import { uploadFrom } from './upload.ts'
import { s3Url } from './url.ts'

/** Keys of one request. */
const deletedAtOnce = 1000

/** Opens a bucket; asks nothing of the server yet. */
export async function openBucket(settings: S3Settings, name: string): Promise<Bucket> {
  const { sdk, client } = await clientOf(settings)
  const url = (key: string) => s3Url(name, key)

  async function tried<T>(what: string, call: () => Promise<T>): Promise<T> {
    try {
      return await again(call)
    } catch (error) {
      if (error instanceof ChangedError) throw error
      throw s3Failure(error, what)
    }
  }

  async function head(key: string): Promise<S3Object | undefined> {
    return tried(`look at ${url(key)}`, async () => {
      try {
        const found = await client.send(new sdk.HeadObjectCommand({ Bucket: name, Key: key }))
        return objectOf(key, found.ContentLength, found.ETag, found.LastModified)
      } catch (error) {
        // an answer without a body does not say whether the bucket is there
        if (statusOf(error) === 404) return undefined
        throw error
      }
    })
  }

  async function read(key: string): Promise<Buffer | undefined> {
    return tried(`read ${url(key)}`, async () => {
      try {
        const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket: name, Key: key }))
        return Buffer.from(await Body!.transformToByteArray())
      } catch (error) {
        if (nameOf(error) === 'NoSuchKey') return undefined
        throw error
      }
    })
  }

  async function range(key: string, { from, to, etag }: { from: number; to: number; etag: string }): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(Math.max(0, to - from))
    let filled = 0
    return tried(`read ${url(key)}`, async () => {
      if (filled === buffer.length) return buffer
      const Range = `bytes=${from + filled}-${to - 1}`
      const { Body } = await client
        .send(new sdk.GetObjectCommand({ Bucket: name, Key: key, Range, IfMatch: etag }))
        .catch(error => {
          throw isOther(error) ? new ChangedError(url(key)) : error
        })
      for await (const chunk of Body as Readable) filled += (chunk as Buffer).copy(buffer, filled)
      if (filled < buffer.length) throw Object.assign(new Error('the body is too short'), { code: 'ECONNRESET' })
      return buffer
    })
  }

  async function write(key: string, body: Uint8Array, only?: WriteCondition): Promise<boolean> {
    return tried(`write ${url(key)}`, async () => {
      try {
        await client.send(
          new sdk.PutObjectCommand({
            Bucket: name,
            Key: key,
            Body: body,
            ContentMD5: md5Of(body),
            ...(only !== undefined && ('absent' in only ? { IfNoneMatch: '*' } : { IfMatch: only.etag })),
          }),
        )
        return true
      } catch (error) {
        if (only !== undefined && isOther(error)) return false
        throw error
      }
    })
  }

  async function* list(
    prefix: string,
    { after, signal }: { after?: string; signal?: AbortSignal } = {},
  ): AsyncGenerator<S3Object> {
    let token: string | undefined
    do {
      signal?.throwIfAborted()
      const page = await tried(`list ${url(prefix)}`, () =>
        client.send(
          new sdk.ListObjectsV2Command({
            Bucket: name,
            Prefix: prefix,
            ...(token !== undefined ? { ContinuationToken: token } : after !== undefined && { StartAfter: after }),
          }),
          ...(signal === undefined ? [] : [{ abortSignal: signal }]),
        ),
      )
      for (const { Key, Size, ETag, LastModified } of page.Contents ?? [])
        yield objectOf(Key!, Size, ETag, LastModified)
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  async function names(folder: string): Promise<string[]> {
    const found: string[] = []
    let token: string | undefined
    do {
      const page = await tried(`list ${url(folder)}`, () =>
        client.send(
          new sdk.ListObjectsV2Command({
            Bucket: name,
            Prefix: folder,
            Delimiter: '/',
            ...(token !== undefined && { ContinuationToken: token }),
          }),
        ),
      )
      for (const { Prefix } of page.CommonPrefixes ?? []) found.push(Prefix!.slice(folder.length))
      for (const { Key } of page.Contents ?? []) if (Key !== folder) found.push(Key!.slice(folder.length))
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
    return found
  }

  async function removeSome(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return
    if (keys.length === 1)
      return void (await tried(`remove ${url(keys[0]!)}`, () =>
        client.send(new sdk.DeleteObjectCommand({ Bucket: name, Key: keys[0] })),
      ))
    const what = `remove ${keys.length} objects, such as ${url(keys[0]!)}`
    const { Errors = [] } = await tried(what, () =>
      client.send(
        new sdk.DeleteObjectsCommand({
          Bucket: name,
          Delete: { Objects: keys.map(Key => ({ Key })), Quiet: true },
        }),
      ),
    )
    const [first] = Errors.filter(({ Code }) => Code !== 'NoSuchKey')
    if (first !== undefined)
      throw s3Failure({ name: first.Code, message: first.Message ?? first.Code }, `remove ${url(first.Key!)}`)
  }

  async function unfinished(prefix: string): Promise<Unfinished[]> {
    const found: Unfinished[] = []
    let next: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {}
    while (next !== undefined) {
      const from: { KeyMarker?: string; UploadIdMarker?: string } = next
      const page = await tried(`list uploads to ${url(prefix)}`, () =>
        client.send(new sdk.ListMultipartUploadsCommand({ Bucket: name, Prefix: prefix, ...from })),
      )
      for (const { Key, UploadId } of page.Uploads ?? [])
        if (Key!.startsWith(prefix)) found.push({ key: Key!, id: UploadId! })
      const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page
      next = IsTruncated
        ? { KeyMarker: NextKeyMarker!, ...(NextUploadIdMarker && { UploadIdMarker: NextUploadIdMarker }) }
        : undefined
    }
    return found
  }

  const bucket: Bucket = {
    name,
    url,
    head,
    read,
    range,
    write,
    upload: (key, path) => tried(`write ${url(key)}`, () => uploadFrom({ sdk, client, bucket: name }, key, path)),
    download: (object, path) => downloadTo(bucket, object, path),
    copy: (from, to) =>
      tried(`copy ${url(from)} to ${url(to)}`, async () => {
        try {
          await client.send(new sdk.CopyObjectCommand({ Bucket: name, Key: to, CopySource: sourceOf(name, from) }))
          return true
        } catch (error) {
          if (nameOf(error) === 'NoSuchKey') return false
          throw error
        }
      }),
    async remove(keys) {
      let some: string[] = []
      for await (const key of keys) {
        if (some.push(key) < deletedAtOnce) continue
        await removeSome(some)
        some = []
      }
      await removeSome(some)
    },
    list,
    names,
    unfinished,
    abandon: ({ key, id }) =>
      tried(`give up the upload of ${url(key)}`, async () => {
        await client
          .send(new sdk.AbortMultipartUploadCommand({ Bucket: name, Key: key, UploadId: id }))
          .catch(unlessGone)
      }),
  }
  return bucket
}

const unlessGone = (error: unknown) => {
  if (statusOf(error) !== 404) throw error
}

/** The condition of a request is not met: 412; 404 where an object with that ETag was asked for. */
const isOther = (error: unknown): boolean =>
  statusOf(error) === 412 || statusOf(error) === 416 || nameOf(error) === 'NoSuchKey'

const sourceOf = (bucket: string, key: string): string => [bucket, ...key.split('/')].map(encodeURIComponent).join('/')

function objectOf(key: string, bytes = 0, etag = '', modified?: Date): S3Object {
  return { key, bytes, etag, modified: modified?.getTime() ?? 0 }
}
