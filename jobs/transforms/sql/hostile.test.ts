import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileSelect } from '../../drivers/sql/compile.ts'
import { batch, blocks, columns, open, rejects, row } from './sql.suite.ts'

/** SQL and rows that would use up the memory or the time of the process. */

const tooLarge = /makes more than 128 MiB in one call of the statement: make it smaller$/

test('constants that make too much are refused when the statement is checked', { timeout: 60_000 }, async t => {
  const refused = [
    'unnest(range(0, 1000000000))',
    'range(1000000000000)',
    'generate_series(1, 9000000000000000000)',
    '_gs_generate_series(1, 1000000000)',
    'system.range(0, 1000000000, 2)',
    "repeat('x', 2000000000)",
    'array_repeat(1, 1000000000)',
    'list_resize([1], 1000000000)',
    "lpad(data, 2000000000, 'x')",
    'rpad(data, 2000000000)',
    "bitstring('1', 2000000000)",
    "format('{:>300000000}', data)",
    "format('{:{}}', data, 300000000)",
    "printf('%300000000d', block)",
    "printf('%*d', 300000000, block)",
  ]
  for (const call of refused)
    await rejects(t, `SELECT id, ${call} AS r FROM source`, /^sql: .*(?:make it smaller|write a smaller one)$/)
})

test('constants that are computed make nothing while the statement is planned', { timeout: 60_000 }, async t => {
  for (const call of ['range(0, 1000 * 1000 * 1000)', "repeat('x', 1000 * 1000000)", "lpad('x', 1000 * 1000000)"]) {
    const { run, dead } = await open(t, `SELECT id, ${call} AS r FROM source`)
    assert.deepEqual(await run([row(1)]), [])
    assert.match(dead[0]!.message, tooLarge, call)
  }
})

test('a row that makes too much is a dead letter, and all others go on', { timeout: 60_000 }, async t => {
  const calls: Record<string, unknown> = {
    'len(range(0, block))': 2,
    'len(range(block))': 2,
    'len(generate_series(1, block, 1))': 2,
    'len(_gs_generate_series(1, block))': 2,
    "len(range(timestamp '2024-01-01', timestamp '2024-01-01' + block * interval 1 second, interval 1 second))": 2,
    'len(repeat(data, block::bigint))': 10,
    'len(array_repeat(data, block))': 2,
    'len(list_resize([1], block))': 2,
    'len(array_resize([1], block, 7))': 2,
    "len(lpad(data, block::int, 'x'))": 2,
    "len(rpad(data, block::int, 'x'))": 2,
    "len(bitstring('1', (block * 8)::int))": 16,
    "len(format('{:' || block || '}', 'x'))": 2,
    "len(printf('%' || block || 'd', 1))": 2,
  }
  for (const [call, expected] of Object.entries(calls)) {
    const { run, dead } = await open(t, `SELECT id, ${call} AS n FROM source`)
    const rows = await run([row(2, { data: 'small' }), row(200_000_000), row(2, { data: 'small' })])
    assert.deepEqual(
      rows.map(({ n }) => n),
      [expected, expected],
      call,
    )
    assert.deepEqual(
      dead.map(letter => [letter.code, (letter.row as { block: number }).block]),
      [['sql_error', 200_000_000]],
      call,
    )
    assert.match(dead[0]!.message, /makes more than 128 MiB|a format has a width of more than 5 digits/, call)
  }
})

test('rows that make too much only together are all passed on', { timeout: 60_000 }, async t => {
  const { run, dead } = await open(t, `SELECT id, len(range(block, block * 2)) AS n FROM source`)
  const rows = Array.from({ length: 40 }, () => row(1_000_000))
  assert.deepEqual(new Set((await run(rows)).map(({ n }) => n)), new Set([1_000_000]))
  assert.deepEqual(dead, [])
})

test('series after FROM are made row by row, and need no limit', async t => {
  const { run } = await open(t, `SELECT id, x FROM source CROSS JOIN generate_series(1, 3) AS g(x)`)
  assert.deepEqual(
    (await run([row(1)])).map(({ x }) => x),
    [1, 2, 3],
  )
})

test('a statement that does not end fails with limit', { timeout: 60_000 }, async t => {
  const select = await compileSelect(
    'SELECT id FROM source, generate_series(1, 1000000000000) g(x) WHERE x % 7 = 8',
    new Map([['source', blocks]]),
    { runTime: 100 },
  )
  t.after(() => select.close())
  const refused = { code: 'limit', message: /^sql takes longer than 100ms for one batch: make it simpler/ }
  await assert.rejects(select.run(batch(blocks, [row(1)])), refused)
})

test('a statement that is not planned in time is refused', { timeout: 60_000 }, async () => {
  const twice = (name: string, of: string) => `${name} AS (SELECT * FROM ${of} UNION ALL SELECT * FROM ${of})`
  const tables = Array.from({ length: 9 }, (_, at) => twice(`t${at}`, at === 0 ? 'source' : `t${at - 1}`))
  await assert.rejects(
    compileSelect(`WITH ${tables.join(', ')} SELECT id FROM t8`, new Map([['source', blocks]]), { planTime: 1 }),
    { code: 'bad_pipeline', message: 'sql takes longer than 1ms to plan: make it simpler' },
  )
})

test('_gs_op that is none of i, u, d is a dead letter, and all others go on', async t => {
  const computed = await open(t, `SELECT id, data AS _gs_op FROM source`)
  const given = ['i', 'D', 'u', 'x', '', 'id', null, 'd']
  const rows = await computed.run(given.map((data, block) => row(block, { data })))
  assert.deepEqual(
    rows.map(({ _gs_op }) => _gs_op),
    ['i', 'u', 'd'],
  )
  assert.deepEqual(
    computed.dead.map(({ code, message }) => [code, message]),
    ['"D"', '"x"', '""', '"id"', 'null'].map(value => ['sql_error', `column "_gs_op": ${value} is none of i, u, d`]),
  )
  assert.deepEqual(computed.dead[0]!.row, { block: 1, id: 'id_1', data: 'D', _gs_op: 'i' })
})

test('_gs_op of another type is text, and so a dead letter', async t => {
  for (const [value, shown] of Object.entries({
    5: '"5"',
    null: 'null',
    true: '"true"',
    '[1]': '"[1]"',
    'block + 1': '"2"',
  })) {
    const { run, dead, transform } = await open(t, `SELECT id, ${value} AS _gs_op FROM source`)
    assert.equal(String(transform.schema.fields.at(-1)!.type), 'Utf8')
    assert.deepEqual(await run([row(1)]), [], value)
    assert.equal(dead[0]!.message, `column "_gs_op": ${shown} is none of i, u, d`)
  }
  const plain = await open(t, 'SELECT id, block AS _gs_op FROM source', {
    inputs: { source: columns({ id: 'utf8', block: 'int64' }) },
  })
  assert.deepEqual(await plain.run([{ id: 'a', block: 7 }]), [])
})
