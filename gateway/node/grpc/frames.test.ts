import assert from 'node:assert/strict'
import { test } from 'node:test'
import { frame } from '../../../test/support/grpc.ts'
import { createFrameReader, frameOf } from './frames.ts'
import { grpcStatus } from './status.ts'

const sent = ['', 'a', 'bcd', 'x'.repeat(300)]
const bytes = Buffer.concat(sent.map((text, i) => frame(text, i % 2)))
const expected = sent.map((text, i) => ({ compressed: i % 2 === 1, data: text, size: text.length + 5 }))

function read(chunks: readonly Buffer[], maxBytes = 1000) {
  const reader = createFrameReader(maxBytes)
  const frames = chunks.flatMap(chunk => reader.push(Buffer.from(chunk)))
  return { frames: frames.map(({ data, ...rest }) => ({ ...rest, data: Buffer.from(data).toString() })), reader }
}

test('messages come out whole, however their bytes are cut', () => {
  for (let size = 1; size <= bytes.length; size++) {
    const chunks: Buffer[] = []
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
    const { frames, reader } = read(chunks)
    assert.deepEqual(frames, expected)
    assert.equal(reader.pending, 0)
  }
})

test('a cut message is known by its pending bytes', () => {
  for (let end = 0; end < bytes.length; end++) {
    const { frames, reader } = read([bytes.subarray(0, end)])
    const whole = frames.reduce((sum, { size }) => sum + size, 0)
    assert.equal(reader.pending, end - whole)
  }
})

test('a message above the limit is refused by its prefix, before it has come', () => {
  assert.throws(() => read([frame('', 0, 1001)]), {
    code: grpcStatus.resource_exhausted,
    message: 'the message has 1001 bytes, the limit is 1000: send smaller batches',
  })
  assert.throws(() => read([frame('', 0, 2 ** 32 - 1)]), /4294967295 bytes/)
  assert.equal(read([frame('x'.repeat(1000))]).frames.length, 1)
})

test('a flag other than 0 and 1 is refused', () => {
  assert.throws(() => read([frame('a', 2)]), { code: grpcStatus.internal })
})

test('what is written is read', () => {
  const { frames } = read([Buffer.from(frameOf(Buffer.from('hello')))])
  assert.deepEqual(frames, [{ compressed: false, data: 'hello', size: 10 }])
})
