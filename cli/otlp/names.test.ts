import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '../exit.ts'
import { formatOfName, nameAll, signalOfName } from './names.ts'

test('the ending of a name tells the format, in front of that of a compression', () => {
  const names = ['a.json', 'a.jsonl', 'a.ndjson.gz', 'a.PB', 'b/a.otlp.zst', 'a.binpb', 'a.bar', 'a.txt', 'pb', 'a.gz']
  assert.deepEqual(names.map(formatOfName), [
    'json',
    'ndjson',
    'ndjson',
    'protobuf',
    'protobuf',
    'protobuf',
    'otap',
    undefined,
    undefined,
    undefined,
  ])
})

test('a word of the name tells the signal, where it is the only one', () => {
  const names = [
    'otlp_logs.pb',
    'Spans-2.pb',
    'x/metrics.pb',
    'trace.1.pb',
    'catalog.pb',
    'logs-and-traces.pb',
    'logs/a.pb',
  ]
  assert.deepEqual(names.map(signalOfName), ['logs', 'traces', 'metrics', 'traces', undefined, undefined, undefined])
})

test('options win over names, and no file is stdin', () => {
  const options = { format: 'protobuf', signal: 'traces' } as const
  assert.deepEqual(nameAll(['logs.json'], options), [{ name: 'logs.json', ...options }])
  assert.deepEqual(nameAll([], options), [{ name: '-', ...options }])
})

test('all names that do not tell enough are wrong usage, each with the way out', () => {
  assert.throws(
    () => nameAll(['a.txt', 'b.json', 'c.pb', '-'], {}),
    (error: UsageError) => {
      assert.ok(error instanceof UsageError)
      assert.deepEqual(error.problems, [
        'a.txt: the name does not tell the format: say --format json, ndjson, protobuf or otap',
        'c.pb: neither the protobuf nor the name tells the signal: say --signal logs, traces or metrics',
        'stdin: the name does not tell the format: say --format json, ndjson, protobuf or otap',
      ])
      return true
    },
  )
})
