import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { reference } from '../../../test/fuzz/otlp.reference.ts'
import type { Signal } from '../records.ts'
import { rowsOf } from '../rows.ts'
import { decodeOtlp } from './decode.ts'

const folder = '/work/shared/fixtures'
const skip = existsSync(folder) ? false : `${folder} is not on this machine`
const files: [Signal, string, rows: number][] = [
  ['logs', 'otlp/otlp_logs.pb', 1],
  ['traces', 'otlp/otlp_traces.pb', 1],
  ['metrics', 'otlp/otlp_metrics.pb', 1],
  ['logs', 'otap/logs-initial.otlp', 3],
  ['traces', 'otap/traces-initial.otlp', 1],
  ['metrics', 'otap/metrics-initial.otlp', 5],
]

for (const [signal, file, count] of files)
  test(`the rows of ${file} are those of a generated decoder`, { skip }, () => {
    const body = readFileSync(`${folder}/${file}`)
    const rows = rowsOf(decodeOtlp(signal, body))
    assert.equal(rows.length, count)
    assert.deepEqual(rows, reference(signal, body).rows)
  })
