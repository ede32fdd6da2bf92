import assert from 'node:assert/strict'
import { test } from 'node:test'
import { otlpTableNames } from '../../../core/otlp/tables.ts'
import { ndjsonLine, parquetColumns, timestampMost } from './columns.ts'

const typesOf = (table: (typeof otlpTableNames)[number]) =>
  parquetColumns(table, []).map(({ name, type }) => `${name} ${type}`)

test('logs have the columns and types of the model, but for unsigned numbers, and schema_url', () => {
  assert.deepEqual(typesOf('otlp_logs'), [
    'time_unix_nano TIMESTAMP_NS',
    'observed_time_unix_nano TIMESTAMP_NS',
    'trace_id VARCHAR',
    'span_id VARCHAR',
    'service_name VARCHAR',
    'service_namespace VARCHAR',
    'service_instance_id VARCHAR',
    'severity_number INTEGER',
    'severity_text VARCHAR',
    'event_name VARCHAR',
    'body VARCHAR',
    'resource_attributes VARCHAR',
    'scope_name VARCHAR',
    'scope_version VARCHAR',
    'scope_attributes VARCHAR',
    'log_attributes VARCHAR',
    'dropped_attributes_count UINTEGER',
    'flags UINTEGER',
    'schema_url VARCHAR',
  ])
})

test('lists, flags and counts of all tables have types that hold every value', () => {
  const all = new Set(otlpTableNames.flatMap(typesOf))
  for (const column of [
    'duration_time_unix_nano UBIGINT',
    'int_value BIGINT',
    'double_value DOUBLE',
    'is_monotonic BOOLEAN',
    'count UBIGINT',
    'bucket_counts UBIGINT[]',
    'explicit_bounds DOUBLE[]',
    'scale INTEGER',
    'zero_count UBIGINT',
    'positive_bucket_counts UBIGINT[]',
    'negative_bucket_counts UBIGINT[]',
    'quantile_values STRUCT(quantile DOUBLE, value DOUBLE)[]',
    'exemplars_json VARCHAR',
    'events_json VARCHAR',
  ])
    assert.ok(all.has(column), column)
})

test('a row is a line of NDJSON without its NULLs, with numbers as they are', () => {
  const columns = parquetColumns('otlp_metrics_sum', ['a.b'])
  const line = (row: Record<string, string | number | bigint | null>) => ndjsonLine(columns, row)
  assert.equal(line({ unit: null }), '{}\n')
  assert.equal(
    line({ time_unix_nano: 2n ** 62n, name: 'a"\n', int_value: -(2n ** 63n), is_monotonic: 1, resource_attr_a_b: '1' }),
    `{"time_unix_nano":${2n ** 62n},"name":"a\\"\\n","int_value":-${2n ** 63n},"is_monotonic":true,"resource_attr_a_b":"1"}\n`,
  )
  assert.equal(line({ double_value: Number.NEGATIVE_INFINITY }), '{"double_value":"-Infinity"}\n')
  assert.equal(line({ double_value: 'NaN' }), '{"double_value":"NaN"}\n')
  assert.equal(line({ double_value: -0 }), '{"double_value":-0.0}\n')
})

test('a time behind the last one that Parquet can hold is refused', () => {
  const columns = parquetColumns('otlp_logs', [])
  assert.ok(ndjsonLine(columns, { time_unix_nano: timestampMost }))
  assert.throws(() => ndjsonLine(columns, { time_unix_nano: timestampMost + 1n }), {
    name: 'RangeError',
    message: /time_unix_nano 9223372036854775807 is above 9223372036854775806/,
  })
})
