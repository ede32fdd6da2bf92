import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import fc from 'fast-check'
import { encodings } from './keys.ts'
import { lz4Blocks, lz4End, lz4Head } from './lz4.ts'
import { createSpool } from './spool.ts'

const files = () => readdirSync(tmpdir()).filter(name => /^millrace-.*\.body$/.test(name)).length

for (const encoding of encodings)
  test(`${encoding}: what was written is read again and again, from memory and from a file that goes`, async () => {
    const before = files()
    const parts = Array.from({ length: 40 }, (_, at) => Buffer.from(`part ${at} `.repeat(at * 100)))
    for (const memory of [1_000_000_000, 5000]) {
      const spool = createSpool({ encoding, level: 3, memory })
      for (const part of parts) await spool.write(part)
      const body = await spool.end()
      const first = await buffer(body.open())
      assert.equal(first.length, body.size)
      assert.deepEqual(await buffer(body.open()), first)
      const plain = { none: (x: Buffer) => x, gzip: gunzipSync, zstd: zstdDecompressSync, lz4: unframe }[encoding](
        first,
      )
      assert.deepEqual(Buffer.from(plain), Buffer.concat(parts))
      await spool.clear()
    }
    assert.equal(files(), before)
  })

test('a spool that is given up in the middle leaves no file', async () => {
  const before = files()
  const spool = createSpool({ encoding: 'gzip', level: 1, memory: 10 })
  await spool.write(crypto.getRandomValues(new Uint8Array(60_000)))
  await spool.clear()
  assert.equal(files(), before)
})

test('any bytes come through LZ4', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .array(fc.constantFrom('a', 'b', 'abcabcabc', 'x'.repeat(300)), { maxLength: 200 })
      .map(all => new TextEncoder().encode(all.join(''))),
  )
  fc.assert(
    fc.property(bytes, plain => {
      const frame = Buffer.concat([lz4Head, ...lz4Blocks(plain), lz4End])
      assert.deepEqual(unframe(frame), Buffer.from(plain))
    }),
  )
  const large = Buffer.from('0123456789abcdef'.repeat(700_000))
  const frame = Buffer.concat([lz4Head, ...lz4Blocks(large), lz4End])
  assert.ok(frame.length < large.length / 50)
  assert.deepEqual(unframe(frame), large)
})

/** A reader of frames without checksums, as the format's text has it. */
function unframe(frame: Buffer): Buffer {
  const out: number[] = []
  let at = 7
  for (let size = frame.readUInt32LE(at); size !== 0; size = frame.readUInt32LE(at)) {
    at += 4
    const length = size & 0x7fffffff
    const block = frame.subarray(at, at + length)
    if (size > 0x7fffffff) for (const byte of block) out.push(byte)
    else unblock(block, out)
    at += length
  }
  assert.equal(at + 4, frame.length)
  return Buffer.from(out)
}

function unblock(block: Buffer, out: number[]): void {
  let at = 0
  const long = (short: number): number => {
    let length = short
    if (short === 15)
      for (;;) {
        const more = block[at++]!
        length += more
        if (more < 255) break
      }
    return length
  }
  while (at < block.length) {
    const token = block[at++]!
    for (let left = long(token >> 4); left > 0; left--) out.push(block[at++]!)
    if (at >= block.length) return
    const distance = block.readUInt16LE(at)
    at += 2
    for (let left = long(token & 15) + 4; left > 0; left--) out.push(out[out.length - distance]!)
  }
}
