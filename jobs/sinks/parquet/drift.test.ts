import assert from 'node:assert/strict'
import { test } from 'node:test'
import { query, seenByName, visible } from '../../drivers/lake/harness.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { batchOf, checkpoint } from '../../runtime/harness/sink.suite.ts'
import { openSink } from './harness.suite.ts'

const types = { id: 'int32', name: 'utf8' } as const

test('a new column is in the files from then on, and null for rows that came before', async t => {
  const path = tempFolder(t)
  const { sink, publish } = await openSink(t, { path, rows_per_file: 2 }, types)
  await publish([
    { id: 1, name: 'a' },
    { id: 2, name: 'b' },
    { id: 3, name: 'c' },
  ])
  await sink.write(batchOf({ ...types, extra: 'float64' }, [{ id: 4, name: 'd', extra: 1.5 }]), 2)
  await sink.write(batchOf(types, [{ id: 5, name: 'e' }]), 2)
  await sink.commit(checkpoint(2))
  await sink.close()
  assert.deepEqual(await query(path, 'select id, name, extra from LAKE order by id'), [
    { id: 1, name: 'a', extra: null },
    { id: 2, name: 'b', extra: null },
    { id: 3, name: 'c', extra: null },
    { id: 4, name: 'd', extra: 1.5 },
    { id: 5, name: 'e', extra: null },
  ])
  const columns = await Promise.all(
    visible(path).map(async file => (await query(path, `describe select * from '${path}/${file}'`)).length),
  )
  assert.deepEqual(columns, [2, 3, 3])
})

test('a column that is missing is null, also where folders are named after it', async t => {
  const path = tempFolder(t)
  const { sink } = await openSink(t, { path, partition_by: 'name' }, types)
  await sink.begin()
  await sink.write(batchOf({ id: 'int32' }, [{ id: 1 }]), 1)
  await sink.write(batchOf(types, [{ id: 2, name: 'x' }]), 1)
  await sink.commit(checkpoint(1))
  await sink.close()
  assert.deepEqual(await query(path, 'select id, name from LAKE order by id'), [
    { id: 1, name: null },
    { id: 2, name: 'x' },
  ])
})

test('columns may come in another order', async t => {
  const path = tempFolder(t)
  const { sink, publish } = await openSink(t, { path }, types)
  await publish([{ id: 1, name: 'a' }])
  await sink.write(batchOf({ name: 'utf8', id: 'int32' }, [{ id: 2, name: 'b' }]), 2)
  await sink.commit(checkpoint(2))
  await sink.close()
  assert.deepEqual(await query(path, 'select id, name from LAKE order by id'), [
    { id: 1, name: 'a' },
    { id: 2, name: 'b' },
  ])
})

test('schema_drift: fail refuses a new column', async t => {
  const path = tempFolder(t)
  const { sink } = await openSink(t, { path, schema_drift: 'fail' }, types)
  await sink.begin()
  await assert.rejects(sink.write(batchOf({ ...types, extra: 'utf8' }, [{ id: 1 }]), 1), {
    code: 'bad_data',
    message: /column "extra" is new, and schema_drift is fail/,
  })
})

test('a type that widens is taken on, whichever comes first', async t => {
  const path = tempFolder(t)
  const narrow = { id: 'int32', x: 'float32', d: 'decimal128(10, 2)' } as const
  const wide = { id: 'int64', x: 'float64', d: 'decimal128(20, 2)' } as const
  const { sink } = await openSink(t, { path }, narrow)
  await sink.begin()
  await sink.write(batchOf(narrow, [{ id: 1, x: 0.5, d: '1.25' }]), 1)
  await sink.commit(checkpoint(1))
  await sink.write(batchOf(wide, [{ id: '5000000000', x: 0.1, d: '123456789012345.25' }]), 2)
  await sink.write(batchOf(narrow, [{ id: 3, x: 1.5, d: '2.25' }]), 2)
  await sink.commit(checkpoint(2))
  await sink.close()
  assert.deepEqual(await query(path, 'select id, x, d::varchar as d from LAKE order by d'), [
    { id: 1, x: 0.5, d: '1.25' },
    { id: 5_000_000_000, x: 0.1, d: '123456789012345.25' },
    { id: 3, x: 1.5, d: '2.25' },
  ])
})

test('another type is an error that names both', async t => {
  const path = tempFolder(t)
  const { sink } = await openSink(t, { path }, types)
  await sink.begin()
  await assert.rejects(sink.write(batchOf({ id: 'utf8', name: 'utf8' }, [{ id: 'x' }]), 1), {
    code: 'bad_data',
    message: /column "id" was INTEGER, and is VARCHAR now: cast it to one type/,
  })
})

test('a new column that is called as the folders are, or as another in other letters, is an error', async t => {
  const path = tempFolder(t)
  const { sink } = await openSink(t, { path, partition_by: 'tens: id // 10' }, types)
  await sink.begin()
  await assert.rejects(sink.write(batchOf({ ...types, tens: 'int64' }, [{ id: 1 }]), 1), {
    message: /partition_by has that name/,
  })
  await assert.rejects(sink.write(batchOf({ ...types, NAME: 'utf8' }, [{ id: 1 }]), 1), {
    message: /"NAME" is new, and readers of Parquet take it for "name"/,
  })
})

test('updates and deletes are refused with the way out, and kept where that is asked for', async t => {
  const path = tempFolder(t)
  const withOps = { ...types, _gs_op: 'utf8' } as const
  const { sink, publish } = await openSink(t, { path }, withOps)
  await publish([{ id: 1, name: 'a', _gs_op: 'i' }])
  for (const [op, word] of [
    ['u', 'an update'],
    ['d', 'a delete'],
  ] as const)
    await assert.rejects(sink.write(batchOf(withOps, [{ id: 1, name: 'b', _gs_op: op }]), 2), {
      code: 'bad_data',
      message: new RegExp(`there is ${word}, and Parquet files are only added to: set keep_op: true`),
    })
  const kept = `${path}/kept`
  const other = await openSink(t, { path: kept, keep_op: true }, types)
  await other.sink.begin()
  await other.sink.write(
    batchOf(withOps, [
      { id: 1, _gs_op: 'i' },
      { id: 1, _gs_op: 'u' },
      { id: 1, _gs_op: 'd' },
    ]),
    1,
  )
  await other.sink.write(batchOf(types, [{ id: 2 }]), 1)
  await other.sink.commit(checkpoint(1))
  await other.sink.close()
  assert.deepEqual(await seenByName(kept, '_gs_op'), ['d', 'i', 'i', 'u'])
})
