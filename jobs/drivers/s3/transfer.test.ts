import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openTcpProxy } from '../../../test/support/tcp-proxy.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { ownBucket, ownPrefix } from './harness.suite.ts'
import { openBucket } from './open.ts'
import { parseS3 } from './url.ts'

/** Files to objects and back, over connections that break. */

const { skip, bucket, settings } = await ownBucket()
const newKey = () => parseS3(ownPrefix(bucket)).key
const MiB = 1024 * 1024

/** The bucket by way of a proxy. */
async function proxied(t: TestContext) {
  const proxy = await openTcpProxy(new URL(settings.endpoint!).host)
  t.after(() => proxy.close())
  return { proxy, far: await openBucket({ ...settings, endpoint: `http://127.0.0.1:${proxy.port}` }, bucket.name) }
}

function fileOf(t: TestContext, bytes: number): { path: string; content: Buffer } {
  const path = join(tempFolder(t), 'file')
  const content = randomBytes(bytes)
  writeFileSync(path, content)
  return { path, content }
}

async function contentOf(t: TestContext, key: string, from = bucket): Promise<Buffer> {
  const path = join(tempFolder(t), 'copy')
  await from.download((await bucket.head(key))!, path)
  return readFileSync(path)
}

for (const [what, size] of [
  ['no byte', 0],
  ['one byte', 1],
  ['one request', 16 * MiB],
  ['three parts, the last of one byte', 16 * MiB + 1],
] as const)
  test(`a file of ${what} comes back as it was`, { skip }, async t => {
    const { path, content } = fileOf(t, size)
    const key = newKey()
    await bucket.upload(key, path)
    assert.ok((await contentOf(t, key)).equals(content))
    assert.deepEqual(await bucket.unfinished(key), [])
  })

for (const bytes of [100, 5 * MiB, 12 * MiB, 21 * MiB])
  test(`a connection that is cut after ${bytes} bytes of an upload in parts costs nothing`, { skip }, async t => {
    const { proxy, far } = await proxied(t)
    const { path, content } = fileOf(t, 24 * MiB)
    const key = newKey()
    proxy.cutAfter(bytes)
    await far.upload(key, path)
    assert.ok((await contentOf(t, key)).equals(content))
    assert.deepEqual(await bucket.unfinished(key), [])
  })

for (const bytes of [0, 300, 600, 900, 1200, 1500])
  test(`an upload in parts whose answers are lost after ${bytes} bytes is there, once`, { skip }, async t => {
    const { proxy, far } = await proxied(t)
    const { path, content } = fileOf(t, 24 * MiB)
    const key = newKey()
    proxy.cutAnswerAfter(bytes)
    await far.upload(key, path)
    assert.ok((await contentOf(t, key)).equals(content))
    // one whose beginning was not heard of
    assert.ok((await bucket.unfinished(key)).length <= 1)
  })

test(
  'a server that goes away in the middle is unavailable, and what it was left with can be given up',
  { skip },
  async t => {
    const { proxy, far } = await proxied(t)
    const { path } = fileOf(t, 40 * MiB)
    const key = newKey()
    const upload = far.upload(key, path)
    const begun = async () => (await bucket.unfinished(key)).length > 0
    while (!(await begun())) await new Promise(resolve => setImmediate(resolve))
    proxy.refuse()
    await assert.rejects(upload, { code: 'unavailable', message: /^write s3:\/\/.*the server cannot be reached/ })
    assert.equal(await bucket.head(key), undefined)
    const left = await bucket.unfinished(key)
    assert.equal(left.length, 1)
    await bucket.abandon(left[0]!)
    await bucket.abandon(left[0]!)
    assert.deepEqual(await bucket.unfinished(key), [])
  },
)

test('an upload that fails for good leaves no parts', { skip }, async t => {
  const path = join(tempFolder(t), 'file')
  // far more than is sent at once
  writeFileSync(path, '')
  truncateSync(path, 512 * MiB)
  const key = newKey()
  const upload = bucket.upload(key, path)
  upload.catch(() => {})
  while ((await bucket.unfinished(key)).length === 0);
  // it is read while it is sent
  truncateSync(path, 5)
  await assert.rejects(upload, /the file has \d+ bytes, and had more|it was cut off/)
  assert.deepEqual(await bucket.unfinished(key), [])
  assert.equal(await bucket.head(key), undefined)
})

for (const bytes of [0, 1000, 3 * MiB, 13 * MiB])
  test(`a download whose connection is cut after ${bytes} bytes goes on where it was`, { skip }, async t => {
    const { proxy, far } = await proxied(t)
    const { path, content } = fileOf(t, 20 * MiB)
    const key = newKey()
    await bucket.upload(key, path)
    proxy.cutAnswerAfter(bytes)
    assert.ok((await contentOf(t, key, far)).equals(content))
  })

test('a download of an object that is replaced meanwhile is an error, and no mixture', { skip }, async t => {
  const { path } = fileOf(t, 20 * MiB)
  const key = newKey()
  await bucket.upload(key, path)
  const old = (await bucket.head(key))!
  await bucket.write(key, Buffer.from('another'))
  await assert.rejects(bucket.download(old, join(tempFolder(t), 'copy')), { name: 'ChangedError' })
})
