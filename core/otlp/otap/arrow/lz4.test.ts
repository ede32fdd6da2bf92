import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lz4Compress } from '../otap.suite.ts'
import { lz4Frame } from './lz4.ts'

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const hello = 'hello hello hello hello hello hello'
// made by lz4 1.9.4, the second one with --content-size -BX (block checksums) -B4
const frame = hex('04224d186440a7100000006f68656c6c6f200600055068656c6c6f00000000bd9cd674')
const sized = hex('04224d187440bd100000006f68656c6c6f200600055068656c6c6f7220b52800000000bd9cd674')

test('frames of the lz4 tool give what went in, with block checksums and content checksums or without', () => {
  assert.equal(Buffer.from(lz4Frame(frame, hello.length)).toString(), hello)
  assert.equal(Buffer.from(lz4Frame(sized, hello.length)).toString(), hello)
})

test('a block that is stored as it is, and one after the other that it refers to', () => {
  // stored "abcd", then a block that copies it from 4 back, with one literal behind
  const bytes = hex('04224d18404000' + '04000080' + '61626364' + '0600000000' + '0400' + '1065' + '00' + '00000000')
  assert.throws(() => lz4Frame(bytes, 9), RangeError)
  const good = hex('04224d18404000' + '04000080' + '61626364' + '05000000' + '000400' + '1065' + '00000000')
  assert.equal(Buffer.from(lz4Frame(good, 9)).toString(), 'abcdabcde')
})

test('long runs and long literals come back whole', () => {
  const bytes = Uint8Array.from({ length: 5000 }, (_, k) => (k % 1000 < 600 ? 7 : (k * 7919) % 251))
  assert.deepEqual(lz4Frame(lz4Compress(bytes), bytes.length), bytes)
})

test('a frame that gives more or less than it announces is refused', () => {
  assert.throws(() => lz4Frame(frame, hello.length - 1), /more bytes than it announces/)
  assert.throws(() => lz4Frame(frame, hello.length + 1), /35 bytes that announces 36/)
})

test('a frame of another version, or with a dictionary of its own, is refused', () => {
  assert.throws(() => lz4Frame(hex('04224d188440a7'), 1), /unknown version 2/)
  assert.throws(() => lz4Frame(hex('04224d184140a7'), 1), /needs a dictionary/)
  assert.throws(() => lz4Frame(hex('28b52ffd0000'), 1), /no LZ4 frame/)
})

test('a frame that is cut or changed anywhere is refused, or gives as many bytes as announced', () => {
  for (let at = 0; at < sized.length; at++) {
    assert.throws(() => lz4Frame(sized.subarray(0, at), hello.length - 1), RangeError)
    for (let bit = 0; bit < 8; bit++) {
      const changed = sized.slice()
      changed[at]! ^= 1 << bit
      try {
        assert.equal(lz4Frame(changed, hello.length).length, hello.length)
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error))
      }
    }
  }
})
