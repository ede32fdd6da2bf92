import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import { inflate } from './inflate.ts'

const text = async (chunks: Buffer[]) =>
  Buffer.concat(await inflate(Readable.from(chunks), 'zstd').toArray()).toString()
/** RFC 8878 section 3.1.2 */
const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])
const frames = Buffer.concat([
  zstdCompressSync(Buffer.from('{"a":1}\n')),
  skippable,
  zstdCompressSync(Buffer.alloc(0)),
  zstdCompressSync(Buffer.from('{"a":2}\n')),
])

test('zstd frames one behind another are one body, wherever it is split', async () => {
  assert.equal(await text([frames]), '{"a":1}\n{"a":2}\n')
  for (let at = 1; at < frames.length; at++)
    assert.equal(await text([frames.subarray(0, at), frames.subarray(at)]), '{"a":1}\n{"a":2}\n', `split at ${at}`)
})

test('bytes behind the last zstd frame that begin no other are an error', async () => {
  const behind = Buffer.concat([frames, Buffer.from('garbage')])
  await assert.rejects(text([behind]))
  await assert.rejects(text([frames, Buffer.from('garbage')]))
  await assert.rejects(text([Buffer.concat([frames, frames.subarray(0, 12)])]))
})

test('a zstd body inflates no further than it is read', async () => {
  const bomb = zstdCompressSync(Buffer.alloc(64 << 20))
  const source = inflate(Readable.from([Buffer.concat([bomb, bomb])]), 'zstd')
  let bytes = 0
  for await (const chunk of source) {
    bytes += (chunk as Buffer).length
    assert.ok(source.readableLength <= 1 << 20)
  }
  assert.equal(bytes, 128 << 20)
})
