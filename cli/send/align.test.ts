import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createFramer } from '../../core/framing/framer.ts'
import { alignEnds } from './align.ts'

/** The text of each value with what stands before it, found after each push of a part. */
function cutUp(parts: readonly Uint8Array[], onBad: 'stop' | 'dead_letter' = 'stop'): string[] {
  const framer = createFramer({ onBad })
  const ends: number[] = []
  let text = Buffer.alloc(0)
  let at = 0
  const take = () => {
    const frames = framer.take()
    if (frames) at = alignEnds(text, at, frames, end => ends.push(end))
  }
  for (const part of parts) {
    text = Buffer.concat([text, part])
    framer.push(part)
    take()
  }
  framer.end()
  take()
  return ends.map((end, index) => text.toString('utf8', ends[index - 1] ?? 0, end))
}

const cutWhole = (text: string, onBad?: 'stop' | 'dead_letter') => cutUp([Buffer.from(text)], onBad)

test('lines, values side by side and values over several lines end where they end', () => {
  assert.deepEqual(cutWhole('{"a":1}\n{"a":2}{"a":3}\r\n 4 5\n'), ['{"a":1}', '\n{"a":2}', '{"a":3}', '\r\n 4', ' 5'])
  assert.deepEqual(cutWhole('{\n  "a": [\r\n1\r\n]\n}\n"x"'), ['{\n  "a": [\r\n1\r\n]\n}', '\n"x"'])
  assert.deepEqual(cutWhole('[1\r\n]\r\n[\r\r\n]\n[\n\n]2'), ['[1\r\n]', '\r\n[\r\r\n]', '\n[\n\n]', '2'])
})

test('a bad value ends at its line', () => {
  assert.deepEqual(cutWhole('{"a":1}\n{"a":oops, "b"\n{"a":2}\n', 'dead_letter'), [
    '{"a":1}',
    '\n{"a":oops, "b"',
    '\n{"a":2}',
  ])
  assert.deepEqual(cutWhole('[\n1,\nx]\n2', 'dead_letter'), ['[\n1,\nx]', '\n2'])
})

test('it does not matter where the input is cut', () => {
  const text = Buffer.from('{"a":"ä"}\r\n[\r\n1,\n2\n]  3\r\n{bad\r\n\t"y"\r\n')
  const expected = cutUp([text], 'dead_letter')
  for (let at = 0; at <= text.length; at++)
    assert.deepEqual(cutUp([text.subarray(0, at), text.subarray(at)], 'dead_letter'), expected, `cut at ${at}`)
  assert.deepEqual(
    cutUp(
      Array.from(text, byte => Buffer.of(byte)),
      'dead_letter',
    ),
    expected,
  )
})

test('the cut text, put together again, is the input, and each piece is its own value', () => {
  const space = fc.constantFrom('\n', '\r\n', ' ', '\n\n', '\t\n')
  const value = fc.tuple(fc.json(), fc.constantFrom(undefined, 1)).map(([json, indent]) => {
    return JSON.stringify(JSON.parse(json), null, indent)
  })
  fc.assert(
    fc.property(fc.array(fc.tuple(value, space)), pairs => {
      const text = pairs.flat().join('')
      const pieces = cutWhole(text)
      assert.equal(pieces.length, pairs.length)
      assert.ok(text.startsWith(pieces.join('')))
      pieces.forEach((piece, at) => {
        assert.equal(piece.trim(), pairs[at]![0])
      })
    }),
  )
})
