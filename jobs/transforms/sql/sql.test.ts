import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Field, Schema } from 'apache-arrow'
import { typeOf } from '../../runtime/batch/types.ts'
import { blocks, columns, open, row } from './sql.suite.ts'

test('rows are projected and filtered, batch after batch', async t => {
  const { run } = await open(t, `SELECT id, block * 2 AS twice FROM source WHERE block % 2 = 0`)
  assert.deepEqual(await run([row(1), row(2)]), [{ id: 'id_2', twice: 4, _gs_op: 'i' }])
  assert.deepEqual(await run([row(3)]), [])
  assert.deepEqual(await run([row(4, { _gs_op: 'd' })]), [{ id: 'id_4', twice: 8, _gs_op: 'd' }])
})

test('what is true of no row at first holds for later ones: plans learn nothing from tables that were empty', async t => {
  const { run } = await open(
    t,
    `SELECT id, coalesce(data, 'none') AS d FROM source WHERE block > 1 AND data IS NOT NULL`,
  )
  assert.deepEqual(await run([row(1)]), [])
  assert.deepEqual(await run([row(2), row(3, { data: null })]), [{ id: 'id_2', d: 'data2', _gs_op: 'i' }])
})

test('_gs_op is carried through, once, wherever it is left out', async t => {
  const statements = [
    'SELECT id FROM source',
    'SELECT id, _gs_op FROM source',
    'SELECT * EXCLUDE (block, data) FROM source',
    'SELECT s.id FROM (SELECT id, block FROM source) s',
    'WITH a AS (SELECT id, block FROM source), b AS (SELECT id FROM a) SELECT id FROM b',
    'SELECT id FROM source WHERE block > 0 UNION ALL SELECT id FROM source WHERE block < 0',
    'SELECT id, _gs_op FROM source UNION ALL SELECT id, _gs_op FROM source WHERE false',
    'SELECT id, upper(_gs_op) AS o FROM source',
  ]
  for (const sql of statements) {
    const { run, names } = await open(t, sql)
    assert.equal(names.filter(name => name === '_gs_op').length, 1, sql)
    assert.equal((await run([row(1, { _gs_op: 'u' })]))[0]!._gs_op, 'u', sql)
  }
})

test('rows of an input without _gs_op are inserts, and a computed one is kept', async t => {
  const plain = columns({ id: 'utf8', gone: 'boolean' })
  const given = await open(t, 'SELECT id FROM source', { inputs: { source: plain } })
  assert.deepEqual(await given.run([{ id: 'a', gone: true }]), [{ id: 'a', _gs_op: 'i' }])
  const computed = await open(t, `SELECT id, CASE WHEN gone THEN 'd' ELSE 'i' END AS _gs_op FROM source`, {
    inputs: { source: plain },
  })
  assert.deepEqual(await computed.run([{ id: 'a', gone: true }]), [{ id: 'a', _gs_op: 'd' }])
})

test('UNION ALL over one input doubles its rows, and over two gives the rows of each as they come', async t => {
  const same = await open(t, 'SELECT id FROM source UNION ALL SELECT id FROM source')
  assert.equal((await same.run([row(1), row(2)])).length, 4)
  const inputs = { a: blocks, b: blocks }
  const two = await open(t, `SELECT id, 'a' AS origin FROM a UNION ALL SELECT id, 'b' FROM b`, { inputs })
  assert.deepEqual(await two.run([row(1)], 'a'), [{ id: 'id_1', origin: 'a', _gs_op: 'i' }])
  assert.deepEqual(await two.run([row(2)], 'b'), [{ id: 'id_2', origin: 'b', _gs_op: 'i' }])
})

test('unnest makes rows of lists, also none, in the select list and after CROSS JOIN', async t => {
  const lists = columns({ id: 'utf8', l: 'list<int64>' })
  const statements = [
    'SELECT id, unnest(l) AS v FROM source',
    'SELECT id, t.v FROM source CROSS JOIN UNNEST(l) AS t(v)',
    'SELECT s.id, v FROM source s, UNNEST(s.l) AS t(v)',
  ]
  for (const sql of statements) {
    const { run } = await open(t, sql, { inputs: { source: lists } })
    const rows = await run([
      { id: 'a', l: [1, 2] },
      { id: 'b', l: [] },
      { id: 'c', l: null },
    ])
    assert.deepEqual(
      rows,
      [
        { id: 'a', v: 1, _gs_op: 'i' },
        { id: 'a', v: 2, _gs_op: 'i' },
      ],
      sql,
    )
    assert.deepEqual(await run([{ id: 'b', l: [] }]), [], sql)
  }
})

test('a batch of a hundred thousand rows keeps its order', async t => {
  const { run } = await open(t, `SELECT id, block FROM source WHERE block % 10 = 3`)
  const rows = await run(Array.from({ length: 100_000 }, (_, block) => row(block)))
  assert.deepEqual(
    rows.map(({ block }) => block),
    Array.from({ length: 10_000 }, (_, at) => at * 10 + 3),
  )
})

test('JSON text stays text for SQL, and is known as JSON where it comes through unchanged', async t => {
  const json = new Schema([new Field('p', typeOf('utf8'), true, new Map([['json', 'true']])), ...blocks.fields])
  const { transform, run } = await open(
    t,
    `SELECT id, p, p AS q, coalesce(p, 'no JSON') AS r, p->>'$.a' AS a FROM source WHERE p <> 'x'`,
    { inputs: { source: json } },
  )
  const marked = transform.schema.fields.filter(field => field.metadata.get('json') === 'true').map(({ name }) => name)
  assert.deepEqual(marked, ['p', 'q'])
  assert.deepEqual(await run([row(1, { p: '{"a":1}' }), row(2, { p: 'x' })]), [
    { id: 'id_1', p: '{"a":1}', q: '{"a":1}', r: '{"a":1}', a: '1', _gs_op: 'i' },
  ])
})

test('whole numbers beyond those of a double keep their digits', async t => {
  const { run } = await open(
    t,
    `SELECT id, block + 9223372036854775000 AS big, 12345678901234567890.25 AS d FROM source`,
  )
  assert.deepEqual(await run([row(807)]), [
    { id: 'id_807', big: '9223372036854775807', d: '12345678901234567890.25', _gs_op: 'i' },
  ])
})

test('rows that cannot be cast are dead letters, all others go on in order', async t => {
  const { run, dead } = await open(t, 'SELECT id, cast(data AS int) AS n FROM source')
  const rows = Array.from({ length: 5000 }, (_, block) =>
    row(block, { data: block % 1000 === 7 ? 'x' : String(block) }),
  )
  const result = await run(rows)
  assert.equal(result.length, 4995)
  assert.deepEqual(
    result.map(({ n }) => n),
    rows.filter(({ data }) => data !== 'x').map(({ block }) => block),
  )
  assert.deepEqual(
    dead.map(({ code, row }) => [code, (row as { id: string }).id]),
    [7, 1007, 2007, 3007, 4007].map(n => ['sql_error', `id_${n}`]),
  )
  assert.match(dead[0]!.message, /^Conversion Error: Could not convert string 'x' to INT32/)
  assert.deepEqual(dead[0]!.row, { block: 7, id: 'id_7', data: 'x', _gs_op: 'i' })
})

test('too many rows that fail are a mistake of the statement', async t => {
  const { run, dead } = await open(t, 'SELECT id, cast(data AS int) AS n FROM source')
  const rows = Array.from({ length: 1500 }, (_, block) => row(block))
  await assert.rejects(run(rows), { code: 'bad_data', message: /^more than 1000 of 1500 rows fail in sql, the last: / })
  assert.deepEqual(dead, [])
})

test('a statement ends soon after the attempt', { timeout: 30_000 }, async t => {
  const abort = new AbortController()
  const { run } = await open(t, 'SELECT id FROM source, generate_series(1, 1000000000000) g(x) WHERE x % 7 = 8', {
    signal: abort.signal,
  })
  const ended = assert.rejects(run([row(1)]))
  setTimeout(() => abort.abort(), 50)
  await ended
})
