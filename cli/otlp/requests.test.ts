import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rowsOf } from '../../core/otlp/rows.ts'
import type { Chunk } from './chunks.ts'
import { badLog, lines, logs, logsProtobuf, spans } from './otlp.suite.ts'
import { judge, type OtlpRequest, requestsOf } from './requests.ts'

const chunk = (format: Chunk['format'], body: Uint8Array | string, line = 1): Chunk => ({
  signal: 'logs',
  format,
  body: Buffer.from(body),
  line,
})
const bodiesOf = ({ records }: OtlpRequest) => rowsOf(records).map(({ row }) => row.body)

test('JSON without refused records becomes protobuf, which is cut where it is long', () => {
  const bodies = Array.from({ length: 20 }, (_, k) => String(k).repeat(50))
  for (const source of [chunk('json', JSON.stringify(logs(bodies))), chunk('ndjson', lines([logs(bodies)]))]) {
    const requests = [...requestsOf(source, {}, 400)]
    assert.ok(requests.length > 3)
    assert.ok(requests.every(({ format }) => format === 'protobuf'))
    assert.deepEqual(requests.flatMap(bodiesOf), bodies)
  }
})

test('JSON with a refused record stays as it is', () => {
  const source = chunk('ndjson', lines([logs(['a']), badLog, logs(['b'])]))
  const [request, ...others] = [...requestsOf(source, {}, 10)]
  assert.deepEqual([request!.format, request!.body, others], ['ndjson', source.body, []])
  assert.deepEqual([request!.records.count, bodiesOf(request!)], [3, ['a', 'b']])
})

test('a broken request is told by its byte, cut or not', () => {
  const body = logsProtobuf(Array.from({ length: 20 }, (_, k) => String(k).repeat(50))).subarray(0, -3)
  for (const most of [400, 4000])
    assert.throws(
      () => [...requestsOf(chunk('protobuf', body), {}, most)],
      /the logs request is broken at byte \d+: a length of/,
    )
})

test('refused records of lines are told by the line of the file and their place in it', () => {
  const two = { resourceLogs: [...logs(['a']).resourceLogs, ...badLog.resourceLogs] }
  const text = `${lines([two])}\n{"a":}\r\n${lines([logs(['b']), badLog])}`
  assert.deepEqual(judge(chunk('ndjson', text, 10), {}, 5), {
    records: 5,
    refused: [
      { line: 10, at: 1, message: 'traceId is "abc", not 32 hex digits' },
      { line: 12, at: 0, message: 'the line is broken at column 6: no value begins like that' },
      { line: 14, at: 0, message: 'traceId is "abc", not 32 hex digits' },
    ],
  })
})

test('other refused records are told by their place in the file', () => {
  assert.deepEqual(judge(chunk('json', JSON.stringify([logs(['a', 'b']), badLog])), {}, 0), {
    records: 3,
    refused: [{ line: undefined, at: 2, message: 'traceId is "abc", not 32 hex digits' }],
  })
  assert.deepEqual(judge({ ...chunk('json', JSON.stringify(spans(['a']))), signal: 'traces' }, {}, 0).refused, [])
})
