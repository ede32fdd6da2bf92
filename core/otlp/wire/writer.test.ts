import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import protobuf from 'protobufjs'
import { AppError } from '../../errors.ts'
import { Writer } from './writer.ts'

const words = (value: bigint): [low: number, high: number] => [
  Number(value & 0xffff_ffffn),
  Number(BigInt.asUintN(64, value) >> 32n),
]
const uint64 = fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.bigInt(0n, 300n), fc.constantFrom(2n ** 63n, 2n ** 64n - 1n))
const long = (value: { toString(): string }) => BigInt.asUintN(64, BigInt(String(value)))

/** Reads what `write` wrote as a field of number 15, whose tag has one byte, and again of 16, whose tag has two. */
function read<T>(
  write: (writer: Writer, field: number) => void,
  type: number,
  take: (reader: protobuf.Reader) => T,
): T {
  const writer = new Writer(1e6)
  write(writer, 15)
  write(writer, 16)
  const reader = protobuf.Reader.create(writer.finish())
  const [first, second] = [15, 16].map(field => {
    assert.equal(reader.uint32(), (field << 3) | type)
    return take(reader)
  })
  assert.equal(reader.pos, reader.len)
  assert.deepEqual(first, second)
  return first!
}

test('numbers of every kind are read back by another reader', () => {
  fc.assert(
    fc.property(uint64, fc.nat({ max: 2 ** 32 - 1 }), fc.integer(), fc.double(), (wide, narrow, signed, real) => {
      assert.equal(
        read(
          (w, f) => w.varint(f, narrow),
          0,
          r => r.uint32(),
        ),
        narrow,
      )
      assert.equal(
        read(
          (w, f) => w.varint64(f, ...words(wide)),
          0,
          r => long(r.uint64()),
        ),
        wide,
      )
      assert.equal(
        read(
          (w, f) => w.varint64(f, ...words(BigInt(signed))),
          0,
          r => r.int32(),
        ),
        signed,
      )
      assert.equal(
        read(
          (w, f) => w.zigzag(f, signed),
          0,
          r => r.sint32(),
        ),
        signed,
      )
      assert.equal(
        read(
          (w, f) => w.fixed32(f, narrow),
          5,
          r => r.fixed32(),
        ),
        narrow,
      )
      assert.equal(
        read(
          (w, f) => w.fixed64(f, ...words(wide)),
          1,
          r => long(r.fixed64()),
        ),
        wide,
      )
      assert.ok(
        Object.is(
          read(
            (w, f) => w.double(f, real),
            1,
            r => r.double(),
          ),
          real,
        ),
      )
    }),
  )
})

test('bytes are those of the given range, whatever their length', () => {
  for (const length of [0, 1, 23, 24, 127, 128, 20_000, 70_000, 300_000]) {
    const from = Uint8Array.from({ length: length + 7 }, (_, k) => (k * 31) & 0xff)
    const bytes = read(
      (w, f) => w.bytesField(f, from, 3, 3 + length),
      2,
      r => Uint8Array.from(r.bytes()),
    )
    assert.deepEqual(bytes, from.slice(3, 3 + length))
  }
})

test('a message may be longer or shorter than was thought when it began', () => {
  for (const width of [1, 2, 3, 4])
    for (const length of [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) {
      const payload = new Uint8Array(length).fill(7)
      const writer = new Writer(1e8)
      const outer = writer.open(1, 1)
      writer.varint(2, 5)
      const inner = writer.open(3, width)
      writer.reserve(length)
      writer.bytes.set(payload, writer.at)
      writer.at += length
      writer.close(inner)
      writer.close(outer)
      writer.varint(4, 6)
      const reader = protobuf.Reader.create(writer.finish())
      assert.equal(reader.uint32(), 0x0a)
      const message = protobuf.Reader.create(Uint8Array.from(reader.bytes()))
      assert.deepEqual([reader.uint32(), reader.uint32()], [0x20, 6])
      assert.deepEqual([message.uint32(), message.uint32(), message.uint32()], [0x10, 5, 0x1a])
      assert.equal(Buffer.compare(message.bytes(), payload), 0)
      assert.equal(message.pos, message.len)
    }
})

test('setting the place back takes back what was written', () => {
  const writer = new Writer(1000)
  writer.varint(1, 1)
  const { at } = writer
  writer.close(writer.open(2, 2))
  writer.at = at
  assert.deepEqual([...writer.finish()], [0x08, 1])
})

test('what was written is not touched by later use', () => {
  const writer = new Writer(1000)
  writer.varint(1, 1)
  const made = writer.finish()
  writer.at = 0
  writer.varint(1, 2)
  assert.deepEqual([...made], [0x08, 1])
})

test('more than the limit is too large, and up to it is not', () => {
  const tooLarge = (error: unknown) =>
    error instanceof AppError && error.code === 'body_too_large' && /more than 100 bytes/.test(error.message)
  const payload = new Uint8Array(1000)
  for (const length of [0, 24, 100]) new Writer(100).bytesField(1, payload, 0, length)
  assert.throws(() => new Writer(100).bytesField(1, payload, 0, 101), tooLarge)
  const writer = new Writer(100)
  assert.throws(() => {
    for (;;) writer.fixed64(1, 0, 0)
  }, tooLarge)
  assert.ok(writer.at <= 116)
})
