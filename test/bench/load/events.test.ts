import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blockDigitsOf, eventBytes, eventLines, maxLines, sequence, stamp } from './events.ts'

const lines = (bytes: Buffer) => bytes.toString('latin1').trimEnd().split('\n')

test('every event is one JSON object of the same length', () => {
  for (const line of lines(eventLines(maxLines, 7))) {
    assert.equal(line.length, eventBytes)
    assert.equal(typeof JSON.parse(line).seq, 'number')
  }
})

test('the same seed gives the same bytes, another one others', () => {
  assert.deepEqual(eventLines(10, 1), eventLines(10, 1))
  assert.notDeepEqual(eventLines(10, 1), eventLines(10, 2))
})

test('stamped blocks never repeat a sequence number', () => {
  const block = eventLines(maxLines, 3)
  const seen = new Set<number>()
  for (const number of [0, 1, 9, 10, 123_456]) {
    stamp(block, 0, eventBytes + 1, maxLines, blockDigitsOf(number))
    for (const line of lines(block)) seen.add(JSON.parse(line).seq)
  }
  assert.equal(seen.size, 5 * maxLines)
})

test('the sequence number stands where the check of the store looks for it', () => {
  const [line = ''] = lines(eventLines(1, 1))
  assert.equal(Number(line.slice(sequence.at, sequence.at + sequence.digits)), JSON.parse(line).seq)
})
