import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { nameOf } from '../../runtime/batch/types.ts'
import { batchOfGiven, type GivenRow, inferSchema, schemaOf } from './given.ts'

const typesOf = (rows: GivenRow[]) =>
  Object.fromEntries(inferSchema(rows).fields.map(({ name, type }) => [name, nameOf(type)]))

test('columns have the types that the rows look like', () => {
  const rows: GivenRow[] = [
    { id: 1, price: 1, ok: true, name: 'a', tags: ['x'], mixed: 1, doc: { a: 1 }, none: null, empty: [] },
    { id: null, price: 2.5, mixed: 'b', later: 2 },
  ]
  assert.deepEqual(typesOf(rows), {
    id: 'int64',
    price: 'float64',
    ok: 'boolean',
    name: 'utf8',
    tags: 'list<utf8>',
    mixed: 'utf8',
    doc: 'utf8',
    none: 'utf8',
    empty: 'list<utf8>',
    later: 'int64',
    _gs_op: 'utf8',
  })
  assert.deepEqual(typesOf([]), { _gs_op: 'utf8' })
})

test('rows become a batch of the schema, with inserts where nothing else is said', () => {
  const schema = schemaOf({ id: 'int64', at: 'timestamp(us, UTC)' })
  const batch = batchOfGiven('rows', schema, [
    { id: '9007199254740993', at: '2026-01-02T03:04:05Z' },
    { _gs_op: 'd', id: 2 },
  ])
  assert.deepEqual(rowsOf(batch!), [
    { id: '9007199254740993', at: '2026-01-02T03:04:05Z', _gs_op: 'i' },
    { id: 2, at: null, _gs_op: 'd' },
  ])
  assert.equal(batchOfGiven('rows', schema, []), undefined)
})

test('a row that does not fit is refused with its number', () => {
  const schema = schemaOf({ id: 'int64' })
  const give = (row: GivenRow) => () => batchOfGiven('rows', schema, [{ id: 1 }, row])
  assert.throws(give({ id: 'x' }), /^PipelineError: given\.rows: row 2: column "id": "x" is no int64$/)
  assert.throws(give({ idd: 1 }), /given\.rows: row 2: schema has no column 'idd'$/)
  assert.throws(give({ _gs_op: 'x' }), /given\.rows: row 2: _gs_op is i, u or d, and not "x"$/)
})
