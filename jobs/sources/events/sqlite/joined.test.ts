import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { Field, Schema } from 'apache-arrow'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { batchOf } from '../../../runtime/batch/build.ts'
import { rowsOf } from '../../../runtime/batch/rows.ts'
import { typeOf } from '../../../runtime/batch/types.ts'
import { tempFolder } from '../../../runtime/harness/folder.suite.ts'
import { storeOf } from '../harness.suite.ts'
import type { Selection } from '../stores.ts'
import { arrowTypes, tableOf } from '../tables.ts'
import { createJoinedReader } from './joined.ts'
import { createRowReader } from './rows.ts'
import type { Bounds, ReadPart } from './selection.ts'
import { connect } from './store.ts'
import { createStreams } from './streams.ts'

const table = tableOf('events', [])
const selectionOf = (names: readonly string[]): Selection => ({
  name: 'events',
  table,
  columns: names.map(name => table.columns.find(column => column.name === name)!),
  rows: 1000,
})

const texts = fc.string({ unit: 'grapheme', maxLength: 12 }).map(text => JSON.stringify(text))
const event = fc.record({ stream: fc.integer({ min: 1, max: 3 }), skip: fc.boolean(), payload: texts })

test('columns as a whole are the same as row by row, for all columns and bounds', async t => {
  const path = join(tempFolder(t), 'a.db')
  await storeOf(t, path)
  const db = new Database(path)
  t.after(() => db.close())
  const stream = db.prepare(
    "insert into streams (stream_key, tenant, transport, headers, remote_addr, opened_at, last_at) values (?, ?, 'http', ?, '', 0, 0)",
  )
  for (const [key, tenant, headers] of [
    ['a', '', '{}'],
    ['straße', 't', '{"x":"💧"}'],
    ['', 'tenant', ''],
  ])
    stream.run(key, tenant, headers)
  const insert = db.prepare('insert into events values (?, ?, ?, ?, ?)')
  const session = connect(path, false)
  t.after(() => session.close())

  function read(way: ReadPart | undefined, selection: Selection, bounds: Bounds) {
    const part = way!(session, bounds, createStreams(selection.columns)(session))!
    const schema = new Schema(
      selection.columns.map(({ name, kind }) => new Field(name, typeOf(arrowTypes[kind]), false)),
    )
    const { columns, ...figures } = part
    return { ...figures, rows: part.kept === 0 ? [] : rowsOf(batchOf(schema, columns, part.kept)) }
  }

  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 40 }),
      fc.shuffledSubarray(
        table.columns.map(column => column.name),
        { minLength: 1 },
      ),
      fc.tuple(fc.nat(50), fc.nat(50), fc.integer({ min: 1, max: 50 })),
      (events, names, bounds) => {
        db.exec('delete from events')
        let id = 0
        db.transaction(() => {
          for (const [index, { stream, skip, payload }] of events.entries())
            insert.run((id += skip ? 3 : 1), stream, index * 2 ** 33, 1.7e15 + index, payload)
        })()
        const selection = selectionOf(names)
        assert.deepEqual(
          read(createJoinedReader(selection), selection, bounds),
          read(createRowReader(selection), selection, bounds),
        )
      },
    ),
    { numRuns: 200 },
  )
})

test('headers that repeat count as bytes of the page, in both ways', async t => {
  const path = join(tempFolder(t), 'a.db')
  await storeOf(t, path)
  const db = new Database(path)
  db.prepare(
    "insert into streams (stream_key, transport, headers, remote_addr, opened_at, last_at) values ('k', 'http', ?, '', 0, 0)",
  ).run(JSON.stringify({ 'x-long': 'h'.repeat(16_000) }))
  const insert = db.prepare('insert into events (stream_id, stream_index, received_at, payload) values (1, ?, 1, ?)')
  db.transaction(() => {
    for (let index = 0; index < 2000; index++) insert.run(index, '1')
  })()
  db.close()
  const session = connect(path, false)
  t.after(() => session.close())
  const selection = selectionOf(['headers', 'payload'])
  const taken = [createJoinedReader(selection)!, createRowReader(selection)].map(way => {
    const { kept, seen, full } = way(session, [0, 1e9, 1000], createStreams(selection.columns)(session))!
    assert.ok(full && kept === seen)
    return kept
  })
  // 10 MiB of 16 kB each
  assert.ok(
    taken.every(kept => kept > 600 && kept < 700),
    String(taken),
  )
})

test('what may be null, or is no text or whole number, is read row by row', () => {
  const logs = tableOf('otlp_logs', [])
  const selection = { name: 'otlp_logs', table: logs, rows: 10 } as const
  assert.equal(createJoinedReader({ ...selection, columns: logs.columns }), undefined)
  const letters = tableOf('dead_letters', [])
  assert.equal(createJoinedReader({ ...selection, columns: letters.columns }), undefined)
})
