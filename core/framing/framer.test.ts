import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFramer, frameOwned } from './framer.ts'
import { entriesOf, frame, fromText } from './framing.suite.ts'
import type { FramerOptions, Frames } from './framing.ts'

const KiB = 1024
const MiB = 1024 * KiB

test('chunks are copied: they may be used again', () => {
  const framer = createFramer()
  const chunk = fromText('"abc" ')
  framer.push(chunk)
  chunk.fill(0)
  assert.deepEqual(entriesOf(framer.take()!), ['"abc"'])
})

test('there is nothing to take before an entry is complete, nor twice', () => {
  const framer = createFramer()
  framer.push(fromText('{"a":'))
  assert.equal(framer.take(), undefined)
  framer.push(fromText('1}'))
  assert.equal(framer.take()?.count, 1)
  assert.equal(framer.take(), undefined)
})

test('taken buffers can be transferred while a value is under way', () => {
  const framer = createFramer()
  framer.push(fromText('1 2 {"a":'))
  const first = framer.take()!
  assert.equal(first.bytes.byteOffset, 0)
  assert.equal(first.spans.byteOffset, 0)
  assert.equal(first.spans.length, 2 * first.count)
  const moved = structuredClone(first, { transfer: [first.bytes.buffer, first.spans.buffer] })
  framer.push(fromText('3}'))
  assert.deepEqual(entriesOf(moved), ['1', '2'])
  assert.deepEqual(entriesOf(framer.take()!), ['{"a":3}'])
})

test('indexes count over all frames, places of dead letters within theirs', () => {
  const framer = createFramer({ onBad: 'dead_letter' })
  framer.push(fromText('1 2 x'))
  assert.equal(framer.take()?.count, 2)
  framer.push(fromText('y\n3 z\n'))
  const second = framer.take()!
  assert.deepEqual(entriesOf(second), ['xy', '3', 'z'])
  assert.deepEqual(
    second.dead.map(letter => letter.at),
    [0, 2],
  )
  assert.deepEqual(
    framer.bad.map(bad => [bad.index, bad.line]),
    [
      [2, 1],
      [4, 2],
    ],
  )
})

test('after a failure the entries before it can be taken, and nothing more is framed', () => {
  const framer = createFramer()
  framer.push(fromText('1 2 , 3'))
  const failure = framer.failure
  assert.equal(failure?.index, 2)
  framer.push(fromText(' 4'))
  framer.end()
  assert.equal(framer.failure, failure)
  assert.deepEqual(framer.bad, [failure])
  assert.deepEqual(entriesOf(framer.take()!), ['1', '2'])
  assert.equal(framer.take(), undefined)
})

test('after the end nothing more is framed', () => {
  const framer = createFramer()
  framer.push(fromText('1'))
  framer.end()
  framer.push(fromText('2'))
  framer.end()
  assert.deepEqual(entriesOf(framer.take()!), ['1'])
  assert.equal(framer.failure, undefined)
})

test('framed is the memory that the next take frees: bytes with what is between them, 8 an entry, 256 a dead letter', () => {
  const framer = createFramer({ onBad: 'dead_letter' })
  assert.equal(framer.framed, 0)
  framer.push(fromText('"abc"   {}  [1'))
  assert.equal(framer.framed, 10 + 2 * 8)
  assert.equal(framer.take()?.bytes.length, 10)
  assert.equal(framer.framed, 0)
  framer.push(fromText(']\nx\n'))
  assert.equal(framer.framed, 5 + 2 * 8 + 256)
})

test('the first 100 bad values are listed, and all are dead letters', () => {
  const { bad, dead, entries } = frame(fromText('x\n'.repeat(300)), { onBad: 'dead_letter' })
  assert.equal(bad.length, 100)
  assert.equal(dead.length, 300)
  assert.equal(entries.length, 300)
})

test('a body of announced size is framed in one buffer of that size', () => {
  const body = fromText('{"a":1}\n'.repeat(20_000))
  const framer = createFramer({ sizeHint: body.length })
  for (let at = 0; at < body.length; at += 64 * KiB) framer.push(body.subarray(at, at + 64 * KiB))
  assert.equal(framer.take()?.bytes.buffer.byteLength, body.length)
})

test('an announced size that does not come takes at most 1 MiB', () => {
  assert.equal(held('1', { sizeHint: 256 * MiB }), MiB)
})

test('100 MB of white space do not grow the buffer', () => {
  const chunk = new Uint8Array(64 * KiB).fill(0x0a)
  const framer = createFramer()
  for (let k = 0; k < 1600; k++) framer.push(chunk)
  framer.push(fromText('x'))
  assert.equal(framer.failure?.line, 1600 * 64 * KiB + 1)
  assert.ok(heldAfter(1600, chunk, {}) <= 2 * chunk.length)
})

test('a line of 100 MB grows the buffer to the limit of an event and a chunk', () => {
  const chunk = new Uint8Array(64 * KiB).fill(0x61)
  const options: FramerOptions = { onBad: 'dead_letter', maxEventBytes: MiB }
  const framer = createFramer(options)
  framer.push(fromText('"'))
  for (let k = 0; k < 1600; k++) framer.push(chunk)
  framer.push(fromText('"\n1\n'))
  const frames = framer.take()!
  assert.equal(frames.count, 2)
  assert.equal(frames.spans[1], MiB)
  assert.equal(frames.dead[0]?.code, 'event_too_large')
  assert.equal(frames.dead[0]?.size, 1600 * 64 * KiB + 2)
  assert.ok(frames.bytes.buffer.byteLength <= MiB + 2 * chunk.length)
})

test('with stop a value beyond the limit ends framing at once', () => {
  const framer = createFramer({ maxEventBytes: 10 })
  const codes = ['1 "234567890', '1'].map(text => {
    framer.push(fromText(text))
    return framer.failure?.code
  })
  assert.deepEqual(codes, [undefined, 'event_too_large'])
})

test('by default an event has up to 16 MiB and 900 levels', () => {
  const large = new Uint8Array(16 * MiB).fill(0x61)
  large[0] = large[large.length - 1] = 0x22
  assert.equal(frame(large).entries.length, 1)
  assert.equal(frame(fromText(`"${'a'.repeat(16 * MiB - 1)}"`)).failure?.code, 'event_too_large')
  assert.equal(frame(fromText('['.repeat(900) + ']'.repeat(900))).entries.length, 1)
  assert.equal(frame(fromText('['.repeat(901))).failure?.code, 'too_deep')
})

test('bytes that are handed over are framed in place', () => {
  const bytes = fromText('{"a":1}\n2\n')
  const { frames } = frameOwned(bytes)
  assert.equal(frames?.bytes.buffer, bytes.buffer)
  assert.deepEqual(entriesOf(frames!), ['{"a":1}', '2'])
})

test('a view into a larger buffer is copied', () => {
  const bytes = fromText('xx{"a":1}').subarray(2)
  const { frames } = frameOwned(bytes)
  assert.notEqual(frames?.bytes.buffer, bytes.buffer)
  assert.equal(frames?.bytes.byteOffset, 0)
  assert.deepEqual(entriesOf(frames!), ['{"a":1}'])
})

test('bytes without an entry give no frames', () => {
  assert.deepEqual(frameOwned(fromText(' \n')), { frames: undefined, failure: undefined, bad: [] })
  assert.equal(frameOwned(fromText('x')).frames, undefined)
})

const messages: [string, string][] = [
  ['{"a":1},{"a":2}', 'unexpected "," where a value must begin (line 1, byte 8)'],
  ['\n\u0001', 'unexpected 0x01 where a value must begin (line 2, byte 2)'],
  ['[}', 'unexpected "}" where a value or "]" must stand (line 1, byte 2)'],
  ['[1}', 'unexpected "}" where "," or "]" must stand (line 1, byte 3)'],
  ['{]', 'unexpected "]" where a key or "}" must stand (line 1, byte 2)'],
  ['{"a":1,}', 'unexpected "}" where a key must begin (line 1, byte 8)'],
  ['{"a" "', `unexpected '"' where ":" must stand (line 1, byte 6)`],
  ['{"a":1]', 'unexpected "]" where "," or "}" must stand (line 1, byte 7)'],
  ['"a\nb"', 'unexpected 0x0A inside a string (line 1, byte 3)'],
  ['"\\x"', 'unexpected "x" after "\\" inside a string (line 1, byte 3)'],
  ['"\\u0x"', 'unexpected "x" where a hex digit of a \\u escape must stand (line 1, byte 5)'],
  ['-x', 'unexpected "x" where a digit must stand (line 1, byte 2)'],
  ['1ex', 'unexpected "x" where a digit, "+" or "-" must stand (line 1, byte 3)'],
  ['01', 'unexpected "1" directly after a number (line 1, byte 2)'],
  ['truefalse', 'unexpected "f" directly after a literal (line 1, byte 5)'],
  ['trie', 'unexpected "i" inside "true" (line 1, byte 3)'],
  ['fame', 'unexpected "m" inside "false" (line 1, byte 3)'],
  ['nil', 'unexpected "i" inside "null" (line 1, byte 2)'],
  ['[1,\n2', 'the input ended inside a value (line 2, byte 6)'],
  ['[[[', 'the value nests deeper than 2 levels (line 1, byte 3)'],
  ['"abcdefghi', 'the value passes 9 bytes (line 1, byte 10)'],
]

test('a message names the byte, what should stand there, and the place', () => {
  for (const [text, message] of messages) {
    assert.equal(frame(fromText(text), { maxDepth: 2, maxEventBytes: 9 }).failure?.message, message)
  }
  assert.equal(
    frame(Uint8Array.of(0x22, 0xff)).failure?.message,
    'invalid UTF-8: unexpected 0xFF inside a string (line 1, byte 2)',
  )
  assert.equal(
    frame(Uint8Array.of(0x22, 0xc3, 0x22)).failure?.message,
    `invalid UTF-8: unexpected '"' inside a UTF-8 sequence (line 1, byte 3)`,
  )
})

test('a message about a batch names the batch', () => {
  const message = (text: string) => frame(fromText(text), { arrayIsBatch: true }).failure?.message
  assert.equal(message('[1 2]'), 'unexpected "2" where "," or "]" of the batch must stand (line 1, byte 4)')
  assert.equal(message('[1] 2'), 'unexpected "2" after the "]" of the batch (line 1, byte 5)')
  assert.equal(message('[1,'), 'the input ended before the "]" of the batch (line 1, byte 4)')
})

/** Bytes of the buffer that holds `text`. */
function held(text: string, options: FramerOptions): number {
  const framer = createFramer(options)
  framer.push(fromText(text))
  framer.end()
  return (framer.take() as Frames).bytes.buffer.byteLength
}

/** Bytes of the buffer that holds one event that comes after `count` chunks of white space. */
function heldAfter(count: number, chunk: Uint8Array, options: FramerOptions): number {
  const framer = createFramer(options)
  for (let k = 0; k < count; k++) framer.push(chunk)
  framer.push(fromText('1 '))
  return (framer.take() as Frames).bytes.buffer.byteLength
}
