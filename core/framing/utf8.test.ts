import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { test } from 'node:test'
import { frameMessage } from './single.ts'

const seconds = [0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff]
const others = [0x41, 0x7f, 0x80, 0xbf, 0xc0]
const high = Array.from({ length: 128 }, (_, k) => 0x80 + k)

/** Sequences of 1 to 4 bytes that begin with a byte above ASCII and hold bytes at both sides of every boundary. */
const sequences = high.flatMap(lead => [
  [lead],
  ...seconds.flatMap(second => [
    [lead, second],
    ...others.flatMap(third => [[lead, second, third], ...others.map(fourth => [lead, second, third, fourth])]),
  ]),
])

function check(before: string, after: string): void {
  for (const sequence of sequences) {
    const bytes = Uint8Array.from([...Buffer.from(before), ...sequence, ...Buffer.from(after)])
    const found = frameMessage(bytes)
    assert.equal('start' in found, isUtf8(bytes), Buffer.from(bytes).toString('hex'))
    if ('code' in found) assert.equal(found.code, 'bad_utf8')
  }
}

test('a string is accepted exactly where it is UTF-8, at the end of the input', () => check('"', '"'))

test('in the middle of the input', () => check('{"text": "', ' and more text"}'))

test('next to other characters', () => check('"日本é', 'é日本語"'))

test('in a key', () => check('{"', '":1}'))
