import { type FileHandle, open, readFile, stat } from 'node:fs/promises'
import type { CompletedPart, S3Client } from '@aws-sdk/client-s3'
import { again } from './again.ts'
import type { Sdk } from './client.ts'
import { md5Of } from './md5.ts'

/** A file of up to this goes in one request. */
const single = 16 * 1024 * 1024
const smallestPart = 8 * 1024 * 1024
const mostParts = 10_000
/** that are in memory */
const partsAtOnce = 4

interface Target {
  sdk: Sdk
  client: S3Client
  bucket: string
}

/** Writes a file to an object. Up to `partsAtOnce` parts are in memory; after a failure none is left on the server. */
export async function uploadFrom({ sdk, client, bucket }: Target, key: string, path: string): Promise<void> {
  const { size } = await stat(path)
  const at = { Bucket: bucket, Key: key }
  if (size <= single) {
    const body = await readFile(path)
    await client.send(new sdk.PutObjectCommand({ ...at, Body: body, ContentMD5: md5Of(body) }))
    return
  }
  const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand(at))
  try {
    const Parts = await uploadParts({ sdk, client, bucket }, { ...at, UploadId: UploadId! }, path, size)
    await again(() =>
      client.send(new sdk.CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } })),
    )
  } catch (error) {
    if (await isThere({ sdk, client, bucket }, key, size, error)) return
    // the failure that counts is the first; what is left of it is found by `unfinished`
    await client.send(new sdk.AbortMultipartUploadCommand({ ...at, UploadId })).catch(() => {})
    throw error
  }
}

/** The end of an upload whose answer was lost is told as one that nobody knows. */
async function isThere({ sdk, client, bucket }: Target, key: string, size: number, error: unknown): Promise<boolean> {
  if (!/^(NoSuchUpload|NoSuchKey)$/.test(String((error as Error).name))) return false
  const found = await client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: key })).catch(() => undefined)
  return found?.ContentLength === size
}

async function uploadParts(
  { sdk, client }: Target,
  at: { Bucket: string; Key: string; UploadId: string },
  path: string,
  size: number,
): Promise<CompletedPart[]> {
  const partSize = Math.max(smallestPart, Math.ceil(size / mostParts))
  const parts: CompletedPart[] = []
  const file = await open(path)
  let next = 0
  let failure: { error: unknown } | undefined

  async function work(): Promise<void> {
    while (failure === undefined && next * partSize < size) {
      const number = ++next
      const from = (number - 1) * partSize
      const body = await readPart(file, from, Math.min(partSize, size - from))
      const { ETag } = await client.send(
        new sdk.UploadPartCommand({ ...at, PartNumber: number, Body: body, ContentMD5: md5Of(body) }),
      )
      parts[number - 1] = { ETag, PartNumber: number }
    }
  }

  try {
    // all have ended before the upload is given up: a part that came later would stay
    await Promise.all(
      Array.from({ length: partsAtOnce }, () =>
        work().catch(error => {
          failure ??= { error }
        }),
      ),
    )
  } finally {
    await file.close()
  }
  if (failure !== undefined) throw failure.error
  return parts
}

async function readPart(file: FileHandle, from: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length)
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, from + filled)
    if (bytesRead === 0) throw new Error(`the file has ${from + filled} bytes, and had more: it was cut off`)
    filled += bytesRead
  }
  return buffer
}
