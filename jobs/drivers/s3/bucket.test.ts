import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ownBucket, ownPrefix } from './harness.suite.ts'
import { parseS3 } from './url.ts'

const { skip, bucket } = await ownBucket()
const bytes = (text: string) => Buffer.from(text)
const prefix = () => `${parseS3(ownPrefix(bucket)).key}/`

/** What is in use once garbage is collected. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

test('objects are written, looked at, read, copied and removed, whatever their keys are', { skip }, async () => {
  const at = prefix()
  for (const name of ['a', 'sp ace', 'größe/ü+&%41=', "it's", 'day=%4Eull/x.parquet', '.hidden', 'a;b,c', '日本']) {
    const key = at + name
    assert.equal(await bucket.head(key), undefined)
    assert.equal(await bucket.read(key), undefined)
    assert.equal(await bucket.copy(key, `${at}copy`), false)
    assert.equal(await bucket.write(key, bytes(name)), true)
    assert.equal(String(await bucket.read(key)), name)
    const found = await bucket.head(key)
    assert.equal(found?.bytes, Buffer.byteLength(name))
    assert.equal(await bucket.copy(key, `${key}.copy`), true)
    assert.equal(String(await bucket.read(`${key}.copy`)), name)
    await bucket.remove([key, `${key}.copy`, `${key}.none`])
    await bucket.remove([key])
    await bucket.remove([])
    assert.equal(await bucket.head(key), undefined)
  }
})

test('ranges are those of one object: another one of its name is an error', { skip }, async () => {
  const key = `${prefix()}a`
  await bucket.write(key, bytes('0123456789'))
  const { etag } = (await bucket.head(key))!
  assert.equal(String(await bucket.range(key, { from: 2, to: 5, etag })), '234')
  assert.equal(String(await bucket.range(key, { from: 5, to: 5, etag })), '')
  await bucket.write(key, bytes('abcdefghij'))
  await assert.rejects(bucket.range(key, { from: 2, to: 5, etag }), { name: 'ChangedError' })
  await bucket.remove([key])
  await assert.rejects(bucket.range(key, { from: 2, to: 5, etag }), { name: 'ChangedError' })
})

test('a write with a condition happens where it is so, and nowhere else', { skip }, async () => {
  const key = `${prefix()}a`
  assert.equal(await bucket.write(key, bytes('no'), { etag: '"00000000000000000000000000000000"' }), false)
  assert.equal(await bucket.head(key), undefined)
  assert.equal(await bucket.write(key, bytes('1'), { absent: true }), true)
  assert.equal(await bucket.write(key, bytes('2'), { absent: true }), false)
  const { etag } = (await bucket.head(key))!
  assert.equal(await bucket.write(key, bytes('3'), { etag }), true)
  assert.equal(await bucket.write(key, bytes('4'), { etag }), false)
  assert.equal(String(await bucket.read(key)), '3')
})

test('names are those directly below a folder', { skip }, async () => {
  const at = prefix()
  for (const name of ['a', 'b/', 'b/c', 'b/d/e', 'f/g']) await bucket.write(at + name, bytes(''))
  assert.deepEqual((await bucket.names(at)).sort(), ['a', 'b/', 'f/'])
  assert.deepEqual((await bucket.names(`${at}b/`)).sort(), ['c', 'd/'])
  assert.deepEqual(await bucket.names(`${at}none/`), [])
})

const count = Number(process.env.MILLRACE_S3_OBJECTS ?? 3000)

test(
  `${count} objects are listed in pages, in order, and removed in batches`,
  { skip, timeout: 3_600_000 },
  async () => {
    const at = prefix()
    const keyOf = (n: number) => `${at}${String(n).padStart(6, '0')}`
    let next = 0
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        while (next < count) await bucket.write(keyOf(next++), bytes('x'))
      }),
    )
    let seen = 0
    let heap = 0
    const before = heapUsed()
    for await (const { key, bytes: size, etag } of bucket.list(at)) {
      assert.equal(key, keyOf(seen++))
      assert.ok(size === 1 && etag !== '')
      if (seen % (count / 5) === 0) heap = Math.max(heap, heapUsed() - before)
    }
    assert.equal(seen, count)
    // a page is about 1 MB of objects and text
    assert.ok(heap < 16 * 1024 * 1024, `${heap} bytes`)
    assert.deepEqual(
      (await all(bucket.list(at, { after: keyOf(count - 3) }))).map(({ key }) => key),
      [keyOf(count - 2), keyOf(count - 1)],
    )
    const keys = Array.from({ length: count }, (_, n) => keyOf(n))
    await bucket.remove(keys.slice(1))
    assert.deepEqual(
      (await all(bucket.list(at))).map(({ key }) => key),
      [keyOf(0)],
    )
  },
)

test('a listing ends with its signal', { skip }, async () => {
  const signal = AbortSignal.abort(new Error('told to end'))
  await assert.rejects(all(bucket.list('', { signal })), /told to end/)
})
