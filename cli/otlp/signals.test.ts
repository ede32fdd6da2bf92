import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Producer, u16, utf8 } from '../../core/otlp/otap/otap.suite.ts'
import { signalOfJson, signalOfOtap } from './signals.ts'

const ofJson = (text: string) => signalOfJson(Buffer.from(text))

test('the first key that a signal has tells it, in either spelling, behind other keys and in arrays', () => {
  assert.equal(ofJson('{"resourceLogs":[]}'), 'logs')
  assert.equal(ofJson('\ufeff {"x":{"resourceLogs":[1]},"resource_spans":[]}'), 'traces')
  assert.equal(ofJson('[{},{"a":"resourceLogs"},{"resourceMetrics":[{"broken'), 'metrics')
  assert.equal(ofJson('{"resource\\u004cogs":[]}'), 'logs')
})

test('other JSON, and what is none, tells nothing', () => {
  for (const text of ['', '{}', '[]', '[{}]', '{"resourcelogs":[]}', '"resourceLogs"', '{oops', 'resourceLogs', '[1,'])
    assert.equal(ofJson(text), undefined, text)
})

test('the payloads of an OTAP message tell its signal, but for those that all signals have', () => {
  const attrs = { RESOURCE_ATTRS: [u16('parent_id', [0]), utf8('key', ['a'])] }
  const spans = { SPANS: [u16('id', [0])] }
  assert.equal(signalOfOtap(new Producer().message(attrs)), undefined)
  assert.equal(signalOfOtap(new Producer().message({ ...attrs, ...spans })), 'traces')
  assert.equal(signalOfOtap(new Producer().message({ NUMBER_DATA_POINTS: [u16('id', [0])] })), 'metrics')
  assert.equal(signalOfOtap(Buffer.from('{"no":"protobuf"}')), undefined)
})
