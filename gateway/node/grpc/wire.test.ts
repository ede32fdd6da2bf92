import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesField, fieldsOf, message, numberField, textField, textOf } from './wire.ts'

const encoded = message(
  numberField(1, 300),
  numberField(2, 0),
  textField(3, 'naïve'),
  bytesField(400, new Uint8Array(200)),
  Uint8Array.of(0x29, 1, 2, 3, 4, 5, 6, 7, 8, 0x35, 1, 2, 3, 4),
)

test('what is written is read, fixed numbers are passed over, zero is left out', () => {
  const fields = [...fieldsOf(encoded)]
  assert.deepEqual(
    fields.map(({ number, value, bytes }) => [number, value, bytes.length]),
    [
      [1, 300, 0],
      [3, 0, 6],
      [400, 0, 200],
      [5, 0, 0],
      [6, 0, 0],
    ],
  )
  assert.equal(textOf(fields[1]!.bytes), 'naïve')
})

test('a message that is cut inside a field is refused', () => {
  const ends = new Set([0, 3, 11, 215, 224, encoded.length])
  for (let end = 0; end <= encoded.length; end++) {
    const read = () => [...fieldsOf(encoded.subarray(0, end))]
    if (ends.has(end)) assert.doesNotThrow(read, `${end}`)
    else assert.throws(read, RangeError, `${end}`)
  }
})

test('groups, field 0 and numbers without an end are refused', () => {
  for (const bytes of [
    [0x0b],
    [0x0c],
    [0x00, 0x01],
    [0x0f],
    [0x08, ...new Array(11).fill(0xff)],
    [0x0a, 0xff, 0xff, 0x7f],
  ])
    assert.throws(() => [...fieldsOf(Uint8Array.from(bytes))], RangeError)
})
