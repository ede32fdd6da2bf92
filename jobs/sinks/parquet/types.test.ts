import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { literal } from '../../drivers/duckdb/duckdb.ts'
import { openDuckDb } from '../../drivers/duckdb/instance.ts'
import { visible, withReader } from '../../drivers/lake/harness.suite.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { watched } from '../../runtime/harness/context.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { checkpoint } from '../../runtime/harness/sink.suite.ts'
import { openSink } from './harness.suite.ts'
import { openParquet } from './open.ts'
import { parquet } from './parquet.ts'

/** One row of nulls, and one of each type that SQL hands on. */
const everything = `select * from (values
  (1::bigint, (-128)::tinyint, 32767::smallint, (-2147483648)::integer, 18446744073709551615::ubigint, 255::utinyint,
   'nan'::float, '-inf'::double, true, 'text ✓', '\\x00\\xff'::blob, 99999999999999999999999999999.123456789::decimal(38, 9),
   (-1.5)::decimal(4, 1), date '1583-01-01', time '23:59:59.999999', timestamp '2026-01-02 03:04:05.678901',
   timestamptz '2026-01-02 03:04:05.678901+02', '2026-01-02 03:04:05'::timestamp_s, '2026-01-02 03:04:05.678'::timestamp_ms,
   '2026-01-02 03:04:05.678901234'::timestamp_ns, [1, null, 3], {'a': 1, 'b': [{'c': 'x'}]}, map {'k': 1.5::double}, []::varchar[],
   '{"a": 1e400, "b":  [1]}'::json),
  (2, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
   null, null, null)
) as t(id, i8, i16, i32, u64, u8, f32, f64, flag, text, bytes, d38, d4, day, clock, ts, tz, ts_s, ts_ms, ts_ns, list, struct, map, none, json)`

for (const [name, config] of Object.entries({
  'as they come': {},
  'through chunks': { partition_by: { part: "'p'" } },
  'through pieces and a merge': { rows_per_file: 3 },
}))
  test(`every type is read back as it was, ${name}`, async t => {
    const path = tempFolder(t)
    const db = await openDuckDb()
    t.after(() => db.close())
    const batch = (await db.query(everything))!
    const parsed = parquet.config.parse({ from: 'rows', path, ...config })
    const sink = await openParquet(parsed, { schema: batch.schema, primaryKey: [] }, watched())
    await sink.begin()
    for (const epoch of [1, 2]) {
      await sink.write(batch, epoch)
      await sink.commit(checkpoint(epoch))
    }
    await sink.close()
    const found = await withReader(path, reader =>
      reader.query(
        `select * exclude (part) from (select *, 1 as part from read_parquet(${literal(`${path}/**/*.parquet`)}, hive_partitioning = false)) order by id`,
      ),
    )
    const [first, second] = rowsOf(batch)
    assert.deepEqual(rowsOf(found!), [first, first, second, second])
    // Parquet has no seconds, and DuckDB writes milliseconds as microseconds
    const read = (type: unknown) => String(type).replace(/^Timestamp<(MILLI)?SECOND>$/, 'Timestamp<MICROSECOND>')
    assert.deepEqual(
      found!.schema.fields.map(({ name, type }) => [name, String(type)]),
      batch.schema.fields.map(({ name, type }) => [name, read(type)]),
    )
  })

const types = {
  id: 'int64',
  name: 'utf8',
  amount: 'float64',
  at: 'timestamp(us, UTC)',
  flag: 'boolean',
  day: 'date32',
} as const
const rows = Array.from({ length: 50 }, (_, id) => ({
  id,
  name: id % 7 === 0 ? null : `row ${id} ✓`,
  amount: id / 4,
  at: `2026-01-02T03:04:${String(id).padStart(2, '0')}.5Z`,
  flag: id % 2 === 0,
  day: '2026-01-02',
}))

async function writeLake(t: TestContext, config: object): Promise<string> {
  const path = tempFolder(t)
  const { sink, publish } = await openSink(t, { path, partition_by: 'day', sort_by: 'id', ...config }, types)
  await publish(rows)
  await sink.close()
  return path
}

for (const compression of ['zstd', 'snappy', 'gzip', 'lz4', 'none'])
  test(`files with ${compression} are read by hyparquet`, async t => {
    const path = await writeLake(t, { compression })
    const bytes = readFileSync(join(path, visible(path)[0]!))
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)
    const found = await parquetReadObjects({ file, compressors })
    assert.deepEqual(
      found.map(({ id, name, amount, at, flag }) => [Number(id), name, amount, (at as Date).toISOString(), flag]),
      rows.map(({ id, name, amount, at, flag }) => [id, name, amount, at.replace('.5Z', '.500Z'), flag]),
    )
  })

interface ParquetJs {
  ParquetReader: {
    openFile(path: string): Promise<{
      getCursor(): { next(): Promise<Record<string, unknown> | null> }
      close(): Promise<void>
    }>
  }
}
const { ParquetReader } = createRequire(import.meta.url)('parquetjs-lite') as ParquetJs

for (const compression of ['snappy', 'gzip', 'none'])
  test(`files with ${compression} are read by parquetjs-lite`, async t => {
    const path = await writeLake(t, { compression })
    const reader = await ParquetReader.openFile(join(path, visible(path)[0]!))
    t.after(() => reader.close())
    const cursor = reader.getCursor()
    const found: unknown[] = []
    for (let row = await cursor.next(); row !== null; row = await cursor.next())
      found.push([Number(row.id), row.name ?? null, row.amount, row.flag])
    assert.deepEqual(
      found,
      rows.map(({ id, name, amount, flag }) => [id, name, amount, flag]),
    )
  })

/** A Python with pyarrow, made once for all runs on this machine; or the reason why there is none. */
function pyarrow(): { python: string } | { reason: string } {
  const folder = join(tmpdir(), 'millrace-pyarrow')
  const python = join(folder, 'bin', 'python')
  const run = (file: string, args: string[]) => execFileSync(file, args, { stdio: 'pipe', timeout: 240_000 })
  try {
    if (!existsSync(python)) {
      mkdirSync(folder, { recursive: true })
      run('python3', ['-m', 'venv', folder])
    }
    try {
      run(python, ['-c', 'import pyarrow.dataset'])
    } catch {
      run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'pyarrow'])
    }
    return { python }
  } catch (error) {
    return { reason: `there is no pyarrow: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}` }
  }
}

test('pyarrow reads the folder as one table, with its partitions', { timeout: 600_000 }, async t => {
  const found = pyarrow()
  if ('reason' in found) {
    if (process.env.CI) assert.fail(found.reason)
    return t.skip(found.reason)
  }
  const path = await writeLake(t, { partition_by: ['day', 'even: flag', 'name'] })
  const program = `
import json, sys
import pyarrow.parquet as pq, pyarrow.dataset as ds
path = sys.argv[1]
table = ds.dataset(path, format='parquet', partitioning='hive').to_table().sort_by('id')
one = pq.read_table(path)
print(json.dumps({'rows': one.num_rows, 'columns': sorted(one.column_names), 'at': str(table.schema.field('at').type),
  'data': [[r['id'], r['name'], r['amount'], r['at'].isoformat(), r['flag'], r['day']] for r in table.to_pylist()]}))
`
  const { data, ...rest } = JSON.parse(execFileSync(found.python, ['-c', program, path], { encoding: 'utf8' }))
  assert.deepEqual(rest, {
    rows: 50,
    columns: ['amount', 'at', 'day', 'even', 'flag', 'id', 'name'],
    at: 'timestamp[us, tz=UTC]',
  })
  assert.deepEqual(
    data,
    rows.map(({ id, name, amount, at, flag, day }) => [
      id,
      name,
      amount,
      at.replace('.5Z', '.500000+00:00'),
      flag,
      day,
    ]),
  )
})
