import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Field, Schema } from 'apache-arrow'
import { batchOfRows } from '../batch/build.ts'
import { typeOf } from '../batch/types.ts'
import { createWatermark } from './event-time.ts'

const schema = new Schema(
  Object.entries({ at: 'timestamp(ns, UTC)', seconds: 'int64', text: 'utf8' }).map(
    ([name, type]) => new Field(name, typeOf(type), true),
  ),
)
const batch = (...rows: object[]) => batchOfRows(schema, rows as never).batch!

function measured(eventTime: Parameters<typeof createWatermark>[0]) {
  const gauges = new Map<string, number>()
  const side = createWatermark(eventTime, schema, {
    count() {},
    latency() {},
    gauge: (name, value) => void gauges.set(name, value),
  })
  return { side, gauges }
}

test('the watermark is the latest time that was seen, in milliseconds', async () => {
  const { side, gauges } = measured({ column: 'at' })
  await side.observe(batch({ at: null }))
  assert.equal(gauges.size, 0)
  await side.observe(batch({ at: '2026-01-01T00:00:01.5Z' }, { at: null }, { at: '2025-01-01T00:00:00Z' }))
  await side.observe(batch({ at: '2024-01-01T00:00:00Z' }))
  assert.equal(gauges.get('event_time_watermark_milliseconds'), Date.parse('2026-01-01T00:00:01.5Z'))
  assert.ok(gauges.get('event_time_lag_milliseconds')! < Date.now())
})

test('an integer is a time with its unit', async () => {
  const { side, gauges } = measured({ column: 'seconds', unit: 'seconds' })
  await side.observe(batch({ seconds: 7 }))
  assert.equal(gauges.get('event_time_watermark_milliseconds'), 7000)
})

test('a column that is no time is refused', () => {
  assert.throws(() => measured({ column: 'seconds' }), /needs `unit`/)
  assert.throws(() => measured({ column: 'text' }), /the column is utf8/)
  assert.throws(() => measured({ column: 'when' }), /there is no column "when"; there are at, seconds, text/)
})
