import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Row } from '../../runtime/batch/build.ts'
import type { Stream } from '../../runtime/contract.ts'
import type { Watched } from '../../runtime/harness/context.suite.ts'
import { checkpoint, streamOf, type Types } from '../../runtime/harness/sink.suite.ts'
import { batchOf, type Opened } from '../sqlite-sink/harness.suite.ts'

/** What a sink that keeps a table in step with the rows does in every database. */

export interface Place {
  /** A sink into table `t`, where the configuration names no other; closed at the end of the test. */
  open(config: object, input: Stream, given?: { name?: string; pipeline?: string }): Promise<Opened>
  /** Looks for mistakes as it is done before a run. */
  check(config: object, input: Stream): Promise<Watched>
  query(sql: string): Promise<Record<string, unknown>[]>
  /** names of the columns of table `t` */
  columns(): Promise<string[]>
}

export interface UpsertSubject {
  skip?: string | false
  /** A database in which the statements ran; gone at the end of the test. */
  place(t: TestContext, sql?: string): Promise<Place>
  /** a text that the database could take for something else */
  odd: string
  /** how it calls a column of text that turns into numbers */
  turned: RegExp
}

const types = { id: 'int64', name: 'utf8', version: 'int64' }
const named = { id: 'int64', name: 'utf8' }

export function upsertSuite({ skip = false, place, odd, turned }: UpsertSubject): void {
  /** Each list of rows as an epoch; gives what the table has then. */
  async function store(t: TestContext, config: object, epochs: readonly (readonly Row[])[], columns: Types = types) {
    const { open, query } = await place(t)
    const { sink, context } = await open(config, streamOf(columns))
    await sink.begin()
    for (const [at, rows] of epochs.entries()) {
      await sink.write(batchOf(columns, rows), at + 1)
      await sink.commit(checkpoint(at + 1))
    }
    return { rows: await query('select * from t order by 1'), warnings: context.warnings, dead: context.deadRows }
  }

  test('rows of one key replace each other, and deletes remove them', { skip }, async t => {
    const { rows } = await store(t, { primary_key: 'id' }, [
      [
        { id: 1, name: 'a', version: 1 },
        { id: 2, name: 'b', version: 1 },
      ],
      [
        { id: 1, name: 'A', version: 2, _gs_op: 'u' },
        { id: 2, _gs_op: 'd' },
        { id: 3, name: 'c', version: 1 },
      ],
    ])
    assert.deepEqual(rows, [
      { id: 1, name: 'A', version: 2 },
      { id: 3, name: 'c', version: 1 },
    ])
  })

  test('the key is that of the rows where the sink names none', { skip }, async t => {
    const { open, query } = await place(t)
    const { sink } = await open({}, streamOf(types, ['id']))
    await sink.begin()
    await sink.write(batchOf(types, [{ id: 1 }, { id: 1, name: 'last' }]), 1)
    await sink.commit(checkpoint(1))
    assert.deepEqual(await query('select * from t'), [{ id: 1, name: 'last', version: null }])
  })

  test('on_conflict: nothing keeps the first row of a key', { skip }, async t => {
    const { rows } = await store(t, { primary_key: 'id', on_conflict: 'nothing' }, [
      [
        { id: 1, name: 'first' },
        { id: 1, name: 'second' },
      ],
      [{ id: 1, name: 'third' }],
    ])
    assert.deepEqual(rows, [{ id: 1, name: 'first', version: null }])
  })

  test('update_where keeps the row whose columns compare so, within an epoch and between them', { skip }, async t => {
    const { rows } = await store(t, { primary_key: 'id', update_where: { version: '>' } }, [
      [
        { id: 1, name: 'five', version: 5 },
        { id: 1, name: 'three', version: 3 },
      ],
      [
        { id: 1, name: 'five again', version: 5 },
        { id: 2, name: 'one', version: 1 },
      ],
      [{ id: 2, name: 'two', version: 2 }],
    ])
    assert.deepEqual(rows, [
      { id: 1, name: 'five', version: 5 },
      { id: 2, name: 'two', version: 2 },
    ])
  })

  test('without a key every row is inserted, deletes are left out, and both is said once', { skip }, async t => {
    const { check } = await place(t)
    const said = (await check({}, streamOf(types))).warnings.join()
    assert.match(said, /no primary_key: every row is inserted, updates too, and deletes are left out/)
    const { rows, warnings } = await store(t, {}, [
      [{ id: 1 }, { id: 1, _gs_op: 'u' }, { id: 1, _gs_op: 'd' }],
      [{ id: 1, _gs_op: 'd' }],
    ])
    assert.equal(rows.length, 2)
    assert.deepEqual(warnings.filter(text => text.includes('deletes are left out')).length, 1)
  })

  test('a row whose key is null becomes a dead letter, and the others are stored', { skip }, async t => {
    const { rows, dead } = await store(t, { primary_key: 'id' }, [[{ id: null, name: 'x' }, { id: 1 }]])
    assert.deepEqual(rows, [{ id: 1, name: null, version: null }])
    assert.deepEqual(dead, [
      {
        code: 'bad_row',
        message: 'column "id" of the primary key is null',
        row: { id: null, name: 'x', version: null, _gs_op: 'i' },
      },
    ])
  })

  test('a table whose columns are all key takes rows and deletes', { skip }, async t => {
    const rows = [
      { a: 1, b: 'x' },
      { a: 1, b: 'x' },
      { a: 1, b: 'y' },
      { a: 1, b: 'x', _gs_op: 'd' },
    ]
    const stored = await store(t, { primary_key: 'a, b' }, [rows], { a: 'int64', b: 'utf8' })
    assert.deepEqual(stored.rows, [{ a: 1, b: 'y' }])
  })

  test('names and values that look like SQL are names and values', { skip }, async t => {
    const row = {
      'a"; drop table t; --': 1,
      "b'": `'); delete from t; --`,
      select: 'from',
      seq: 7,
      op: 'd',
      c0: odd,
      'täg\n': '🎈\t\r\n\\.',
      '\\$$': '\\',
    }
    const columns = Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, typeof value === 'number' ? 'int64' : 'utf8']),
    )
    const config = { table: `order "by" '\\`, primary_key: ['a"; drop table t; --'], update_where: { seq: '>=' } }
    const { open, check, query } = await place(t)
    await check(config, streamOf(columns))
    const { sink } = await open(config, streamOf(columns), { name: `it's "odd" \\ $x$`, pipeline: `a'b/"c"` })
    await sink.begin()
    await sink.write(batchOf(columns, [row, { ...row, _gs_op: 'd' }, row, row]), 1)
    await sink.commit(checkpoint(1))
    assert.deepEqual(await query(`select * from "order ""by"" '\\"`), [row])
    assert.deepEqual(await sink.begin(), checkpoint(1))
  })

  for (const [name, table, message] of [
    ['a table without the key', 'id integer, name text', /no primary key or unique index is on \("id"\)/],
    [
      'a unique index over more columns',
      'id integer, name text, unique (id, name)',
      /no primary key or unique index is on \("id"\)/,
    ],
    [
      'a column that must have a value',
      'id integer primary key, name text, must text not null',
      /column "must" must have a value/,
    ],
  ] as const)
    test(`${name} is an error before a run, and of open`, { skip }, async t => {
      const { open, check, columns } = await place(t, `create table t (${table})`)
      const before = await columns()
      const config = { primary_key: 'id' }
      await assert.rejects(check(config, streamOf(named)), { code: 'bad_pipeline', message })
      await assert.rejects(open(config, streamOf(named)), { code: 'bad_pipeline', message })
      assert.deepEqual(await columns(), before)
    })

  test('columns that are new in a later run, or in the middle of one, are added', { skip }, async t => {
    const { open, query, columns } = await place(t, 'create table t (id integer primary key)')
    const { sink } = await open({ primary_key: 'id' }, streamOf(named))
    await sink.begin()
    await sink.write(batchOf(named, [{ id: 1, name: 'a' }]), 1)
    const more = { ...named, size: 'uint64', tags: 'list<utf8>' }
    await sink.write(batchOf(more, [{ id: 2, name: 'b', size: '18446744073709551615', tags: ['x'] }]), 1)
    assert.deepEqual(await columns(), ['id', 'name'])
    await sink.commit(checkpoint(1))
    await sink.write(batchOf(named, [{ id: 3, name: 'c' }]), 2)
    await sink.commit(checkpoint(2))
    assert.deepEqual(await query('select * from t order by id'), [
      { id: 1, name: 'a', size: null, tags: null },
      { id: 2, name: 'b', size: '18446744073709551615', tags: '["x"]' },
      { id: 3, name: 'c', size: null, tags: null },
    ])
  })

  test('schema_drift: fail refuses them, before a run and within one', { skip }, async t => {
    const { open, check } = await place(t, 'create table t (id integer primary key, name text)')
    const config = { primary_key: 'id', schema_drift: 'fail' }
    const more = { ...named, extra: 'utf8' }
    await assert.rejects(check(config, streamOf(more)), {
      code: 'bad_pipeline',
      message: /has no column "extra"/,
    })
    const { sink } = await open(config, streamOf(named))
    await sink.begin()
    await assert.rejects(sink.write(batchOf(more, [{ id: 1 }]), 1), {
      code: 'bad_data',
      message: /column "extra" is new/,
    })
  })

  test('a column that turns into another type is an error', { skip }, async t => {
    const { open } = await place(t)
    const { sink } = await open({ primary_key: 'id' }, streamOf(named))
    await sink.begin()
    await assert.rejects(sink.write(batchOf({ id: 'int64', name: 'float64' }, [{ id: 1, name: 1.5 }]), 1), {
      code: 'bad_data',
      message: turned,
    })
  })
}
