import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { decompress, encodingOf } from './compression.ts'
import { grpcStatus } from './status.ts'

const codecs = { gzip: gzipSync, deflate: deflateSync, zstd: zstdCompressSync } as const
const text = Buffer.from('a message of some length '.repeat(4000))

for (const [name, compress] of Object.entries(codecs)) {
  const encoding = encodingOf(name)!

  test(`${name}: a message is what it was`, async () => {
    assert.deepEqual(Buffer.from(await decompress(encoding, compress(text), text.length)), text)
    assert.equal((await decompress(encoding, compress(Buffer.alloc(0)), 10)).length, 0)
  })

  test(`${name}: a bomb is stopped at the limit`, async () => {
    const bomb = compress(Buffer.alloc(64 * 1024 * 1024))
    const before = process.memoryUsage().arrayBuffers
    await assert.rejects(decompress(encoding, bomb, 1024 * 1024), { code: grpcStatus.resource_exhausted })
    assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024)
  })

  test(`${name}: bytes behind the end, a cut end and garbage are refused`, async () => {
    const good = compress(text)
    for (const bad of [
      Buffer.concat([good, Buffer.from('more')]),
      good.subarray(0, -1),
      good.subarray(0, 4),
      Buffer.from('no compressed data at all'),
      Buffer.alloc(0),
    ])
      await assert.rejects(decompress(encoding, bad, text.length), {
        code: grpcStatus.internal,
        message: new RegExp(`^a message is not valid ${name}: `),
      })
  })
}

test("the names that the Collector's Arrow exporter gives to zstd are known", () => {
  for (const name of ['zstdarrow', 'zstdarrow1', 'zstdarrow5', 'zstdarrow10']) assert.equal(encodingOf(name), 'zstd')
})

test('identity is no encoding, and an unknown one is unimplemented', () => {
  assert.equal(encodingOf(undefined), undefined)
  assert.equal(encodingOf('identity'), undefined)
  for (const name of ['snappy', 'toString', 'GZIP'])
    assert.throws(() => encodingOf(name), {
      code: grpcStatus.unimplemented,
      message: `the grpc-encoding "${name}" is none of identity, gzip, deflate, zstd`,
    })
})
