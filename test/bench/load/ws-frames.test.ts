import assert from 'node:assert/strict'
import { test } from 'node:test'
import { frameReader, maskedFrame, maskedHeadBytes, opcode } from './ws-frames.ts'

function serverFrame(op: number, text: string): Buffer {
  const masked = maskedFrame(op, Buffer.from(text), Buffer.alloc(4))
  // without the mask bit and the key, a client's frame is a server's
  const head = maskedHeadBytes(text.length)
  masked[1] = masked[1]! & 0x7f
  return Buffer.concat([masked.subarray(0, head - 4), masked.subarray(head)])
}

const payloads = ['', '256', 'x'.repeat(125), 'y'.repeat(126), 'z'.repeat(70_000)]
const wire = Buffer.concat(payloads.map(text => serverFrame(opcode.text, text)))

function read(...chunks: Buffer[]): string[] {
  const seen: string[] = []
  const reader = frameReader((op, buffer, start, end) => {
    assert.equal(op, opcode.text)
    seen.push(buffer.toString('latin1', start, end))
  })
  for (const chunk of chunks) reader.push(chunk)
  return seen
}

test('frames of all three lengths are read, wherever the chunks are cut', () => {
  assert.deepEqual(read(wire), payloads)
  for (let cut = 0; cut < 500; cut++) assert.deepEqual(read(wire.subarray(0, cut), wire.subarray(cut)), payloads)
})

test('a fragmented message is an error', () => {
  const first = serverFrame(opcode.text, 'part')
  first[0] = opcode.text
  assert.throws(() => read(first), /fragmented/)
})
