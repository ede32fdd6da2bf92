import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { reference } from '../../../test/fuzz/otlp.reference.ts'
import { fixtures, hasFixtures } from '../../../test/support/fixtures.ts'
import type { Signal } from '../records.ts'
import { rowsOf } from '../rows.ts'
import { decodeOtlp } from './decode.ts'

const files: [Signal, string, rows: number][] = [
  ['logs', 'otlp/otlp_logs.pb', 1],
  ['traces', 'otlp/otlp_traces.pb', 1],
  ['metrics', 'otlp/otlp_metrics.pb', 1],
  ['logs', 'otap/logs-initial.otlp', 3],
  ['traces', 'otap/traces-initial.otlp', 1],
  ['metrics', 'otap/metrics-initial.otlp', 5],
]

for (const [signal, file, count] of hasFixtures ? files : [])
  test(`the rows of ${file} are those of a generated decoder`, () => {
    const body = readFileSync(`${fixtures}/${file}`)
    const rows = rowsOf(decodeOtlp(signal, body))
    assert.equal(rows.length, count)
    assert.deepEqual(rows, reference(signal, body).rows)
  })
