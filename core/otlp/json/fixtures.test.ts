import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fixtures, hasFixtures } from '../../../test/support/fixtures.ts'
import { encodeRequest } from '../../../test/support/otlp.ts'
import { decodeOtlp } from '../protobuf/decode.ts'
import type { Signal } from '../records.ts'
import { rowsOf } from '../rows.ts'
import { outcomeOf } from './json.suite.ts'
import { jsonToOtlp, ndjsonToOtlp } from './json.ts'

const files: [Signal, string, rows: number][] = [
  ['logs', 'logs_document.json', 1],
  ['logs', 'logs_simple.jsonl', 3],
  ['logs', 'logs_nulls.jsonl', 3],
  ['traces', 'traces_simple.jsonl', 3],
  ['traces', 'traces_nulls.jsonl', 3],
  ['traces', 'traces_large_attrs.jsonl', 1],
  ['traces', 'traces_deep_nesting.jsonl', 1],
  ['metrics', 'metrics_simple.jsonl', 3],
  ['metrics', 'metrics_nulls.jsonl', 3],
  ['metrics', 'metrics_all_types.jsonl', 5],
  ['metrics', 'metrics_optional_fields.jsonl', 3],
]

/** protobufjs takes ids for base64. */
const idsAsBytes = (key: string, value: unknown): unknown =>
  /^(traceId|spanId|parentSpanId)$/.test(key) ? Buffer.from(String(value), 'hex').toString('base64') : value

for (const [signal, file, count] of hasFixtures ? files : [])
  test(`the rows of ${file} are those of what a generated encoder makes of it`, () => {
    const body = readFileSync(`${fixtures}/otlp/${file}`)
    const isDocument = file.endsWith('.json')
    const { rows, dead } = outcomeOf(signal, (isDocument ? jsonToOtlp : ndjsonToOtlp)(signal, body))
    assert.deepEqual(dead, [])
    assert.equal(rows.length, count)
    const texts = isDocument ? [body.toString()] : body.toString().trim().split('\n')
    const expected = texts.flatMap(text =>
      rowsOf(decodeOtlp(signal, encodeRequest(signal, JSON.parse(text, idsAsBytes) as object))).map(({ row }) => row),
    )
    assert.deepEqual(
      rows.map(({ row }) => row),
      expected,
    )
  })
