import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Field, List, Map_, Schema, Struct, Union, UnionMode, Utf8 } from 'apache-arrow'
import { watched } from '../../runtime/harness/context.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { streamOf } from '../../runtime/harness/sink.suite.ts'
import { check } from './harness.suite.ts'
import { parquet } from './parquet.ts'

const input = streamOf({ id: 'int64', ts: 'timestamp', name: 'utf8', _gs_op: 'utf8' })

test('check writes nothing', async t => {
  const path = join(tempFolder(t), 'not', 'yet')
  await check({ path, partition_by: ['day: ts::date', 'name'], sort_by: 'ts desc, id' }, input)
  assert.ok(!existsSync(path))
})

test('mistakes are found with their place', async t => {
  const path = tempFolder(t)
  const file = join(path, 'file')
  writeFileSync(file, '')
  const wrong: [object, RegExp, (string | number)[]][] = [
    [{ path: 'gs://bucket/lake' }, /^gs:\/\/ is not supported: name a folder, or s3:\/\/BUCKET\/PREFIX/, ['path']],
    [{ path: 's3://b/lake' }, /^"s3:\/\/b\/lake" names no bucket/, ['path']],
    [{ path: 's3://bucket/a//b' }, /parts that are empty/, ['path']],
    [{ path: 's3://bucket/a', target_file_size: '5GiB' }, /more than servers of S3 copy at once/, ['target_file_size']],
    [{ path: 's3://bucket/a*' }, /has one of \* \? \[ \]/, ['path']],
    [{ path: file }, /is no folder/, ['path']],
    [{ path: `${path}/a*b` }, /has one of \* \? \[ \]/, ['path']],
    [{ path, partition_by: 'nowhere' }, /partition_by "nowhere": .*nowhere/, ['partition_by', 0]],
    [{ path, partition_by: ['name', 'day: date(nowhere)'] }, /partition_by "date\(nowhere\)": /, ['partition_by', 1]],
    [{ path, partition_by: 'n: count(*)' }, /aggregate/, ['partition_by', 0]],
    [{ path, partition_by: 'n: row_number() over ()' }, /window/, ['partition_by', 0]],
    [{ path, partition_by: 'n: (select max(id) from rows)' }, /cannot depend on other rows/, ['partition_by', 0]],
    [{ path, partition_by: 'n: 1) from rows; drop table rows; select (1' }, /partition_by/, ['partition_by', 0]],
    [
      { path, partition_by: { n: "(select content from read_text('/etc/passwd'))" } },
      /partition_by/,
      ['partition_by', 0],
    ],
    [{ path, partition_by: { TS: 'ts::date' } }, /the rows have a column TS, whose values/, ['partition_by', 0]],
    [{ path, partition_by: ['name', 'NAME'] }, /two partitions are called name/, ['partition_by', 1]],
    [{ path, partition_by: { 'a/b': 'id' } }, /"a\/b" cannot name a folder/, ['partition_by', 0]],
    [{ path, partition_by: { _x: 'id' } }, /"_x" cannot name a folder/, ['partition_by', 0]],
    [{ path, partition_by: ['id', 'ts', 'name'] }, /leaves none for the files/, ['partition_by']],
    [{ path, sort_by: 'id, nowhere' }, /there is no column "nowhere": the rows have id, ts, name/, ['sort_by', 1]],
  ]
  for (const [config, message, at] of wrong)
    await assert.rejects(check(config, input), { code: 'bad_pipeline', message, path: at }, JSON.stringify(config))
})

test('columns that a reader of Parquet could not tell apart are refused', async t => {
  const path = tempFolder(t)
  await assert.rejects(check({ path }, streamOf({ id: 'int64', ID: 'utf8' })), {
    message: /columns id and ID are one and the same/,
  })
  await assert.rejects(check({ path }, streamOf({ _millrace_p0: 'int64' })), { message: /begins with _millrace/ })
})

test('a type that Parquet cannot hold is refused with the column', async t => {
  const inner = new Field('x', new Utf8(), true)
  const union = new Union(UnionMode.Sparse, [0], [inner])
  const schema = new Schema([new Field('id', new List(inner), true), new Field('odd', union, true)])
  await assert.rejects(check({ path: tempFolder(t) }, { schema, primaryKey: [] }), {
    code: 'bad_data',
    message: /column "odd" is .*cannot hold/,
  })
  const nested = new Map_(
    new Field(
      'entries',
      new Struct<{ key: Utf8; value: Utf8 }>([new Field('key', new Utf8(), false), new Field('value', new Utf8())]),
      false,
    ),
  )
  await check({ path: tempFolder(t) }, { schema: new Schema([new Field('map', nested, true)]), primaryKey: [] })
})

test('keys that contradict each other are refused', () => {
  const issues = (config: object) =>
    parquet.config
      .safeParse({ from: 'x', path: 'lake', ...config })
      .error?.issues.map(({ path, message }) => [path[0], message])
  assert.equal(issues({ compression: 'zstd', compression_level: 19 }), undefined)
  assert.deepEqual(issues({ compression: 'snappy', compression_level: 3 })?.[0]?.[0], 'compression_level')
  assert.deepEqual(issues({ compression: 'brotli' })?.[0]?.[0], 'compression')
  assert.deepEqual(issues({ target_file_size: 'big' })?.[0]?.[0], 'target_file_size')
  assert.deepEqual(issues({ sort_by: 'a,,b' })?.[0]?.[0], 'sort_by')
  assert.deepEqual(issues({ deduplicate: true })?.[0]?.[0], 'deduplicate')
})

test('files with the column of their folder come with a warning', async t => {
  const context = watched()
  await check({ path: tempFolder(t), partition_by: 'name', write_partition_columns: true }, input, context)
  assert.match(context.warnings[0]!, /Arrow refuses files that have the column of their folder/)
})
