import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromText } from './framing.suite.ts'
import { frameMessage } from './single.ts'

const valid: [string, string][] = [
  ['{"a":1}', '{"a":1}'],
  [' \t\r\n{"a":1}\n ', '{"a":1}'],
  ['\ufeff"é"', '"é"'],
  ['12', '12'],
  ['true ', 'true'],
  ['{\n  "a":\r\n1\n}\n', '{  "a":1}'],
]

test('a message is one value with optional white space around it', () => {
  for (const [text, value] of valid) {
    const bytes = fromText(text)
    const found = frameMessage(bytes)
    assert.ok('start' in found, text)
    assert.equal(new TextDecoder().decode(bytes.subarray(found.start, found.end)), value)
  }
})

const bad: [string, string, string][] = [
  ['', 'bad_event', 'the message holds no value (line 1, byte 1)'],
  [' \n', 'bad_event', 'the message holds no value (line 2, byte 3)'],
  ['1 2', 'bad_event', 'unexpected "2" after the value of the message (line 1, byte 3)'],
  ['{}{}', 'bad_event', 'unexpected "{" after the value of the message (line 1, byte 3)'],
  ['1,', 'bad_event', 'unexpected "," after the value of the message (line 1, byte 2)'],
  ['01', 'bad_event', 'unexpected "1" directly after a number (line 1, byte 2)'],
  [',', 'bad_event', 'unexpected "," where a value must begin (line 1, byte 1)'],
  ['{"a":\n', 'incomplete_event', 'the message ended inside a value (line 2, byte 7)'],
  ['[[[1]]]', 'too_deep', 'the value nests deeper than 2 levels (line 1, byte 3)'],
  ['"abcdefghij"', 'event_too_large', 'the value passes 9 bytes (line 1, byte 10)'],
]

test('any other message is a bad value', () => {
  for (const [text, code, message] of bad) {
    const found = frameMessage(fromText(text), { maxDepth: 2, maxEventBytes: 9 })
    assert.ok('code' in found, text)
    assert.deepEqual([found.index, found.code, found.message], [0, code, message])
  }
})

test('a message that is not UTF-8 is a bad value', () => {
  const found = frameMessage(Uint8Array.of(0x22, 0xff, 0x22))
  assert.equal('code' in found && found.code, 'bad_utf8')
})

test('a bad message is left as it is', () => {
  const bytes = fromText('{\n"a":\n1} 2')
  frameMessage(bytes)
  assert.deepEqual(bytes, fromText('{\n"a":\n1} 2'))
})

test('one message leaves no trace in the next', () => {
  assert.ok('code' in frameMessage(fromText('[{"a')))
  assert.ok('start' in frameMessage(fromText(`${'['.repeat(100)}${']'.repeat(100)}`)))
  assert.ok('code' in frameMessage(fromText('['.repeat(100))))
  assert.ok('start' in frameMessage(fromText('[1]')))
})
