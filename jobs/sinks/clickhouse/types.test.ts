import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { service } from '../../../test/support/servers.ts'
import { batchOf, type TestDatabase, testDatabase } from '../../drivers/clickhouse/harness.suite.ts'
import { literal } from '../../drivers/clickhouse/names.ts'
import type { Row } from '../../runtime/batch/build.ts'
import { checkpoint, streamOf, type Types } from '../../runtime/harness/sink.suite.ts'
import { openSink } from './harness.suite.ts'

const { skip, at } = service('clickhouse')
const db: TestDatabase = skip ? (undefined as never) : await testDatabase(at.CLICKHOUSE)
let tables = 0

async function store(t: TestContext, columns: Types, rows: readonly Row[], config: object = {}) {
  const table = `t${++tables}`
  const { sink } = await openSink(t, db.server, { table, primary_key: 'id', ...config }, streamOf(columns), {
    name: table,
  })
  await sink.begin()
  await sink.write(batchOf(columns, rows), 1)
  await sink.commit(checkpoint(1))
  return table
}

const every: Types = {
  id: 'int64',
  i8: 'int8',
  u16: 'uint16',
  u64: 'uint64',
  f32: 'float32',
  f64: 'float64',
  b: 'boolean',
  s: 'utf8',
  bin: 'binary',
  d: 'date32',
  ts: 'timestamp(s)',
  tms: 'timestamp(ms, UTC)',
  tus: 'timestamp(us, UTC)',
  tns: 'timestamp(ns)',
  tm: 'time64',
  dec: 'decimal128(38, 9)',
  l: 'list<int64>',
  ll: 'list<list<utf8>>',
}

test('values of every type arrive as they are', { skip }, async t => {
  const table = await store(t, every, [
    {
      id: 1,
      i8: -128,
      u16: 65535,
      u64: 18446744073709551615n,
      f32: 0.5,
      f64: 1e300,
      b: true,
      s: 'ä\u0000"\\',
      bin: Uint8Array.of(0xff, 0),
      d: '1969-12-31',
      ts: '2024-02-29T12:00:00',
      tms: '2024-02-29T12:00:00.123Z',
      tus: '1969-12-31T23:59:59.999999Z',
      tns: '2024-02-29T12:00:00.123456789',
      tm: '12:34:56.789',
      dec: '12345678901234567890123456789.123456789',
      l: [1, null, 3],
      ll: [['a'], [], [null]],
    },
    { id: 2 },
  ])
  // the reader of this test quotes numbers of 64 bits
  const [full, empty] = await db.rows<Record<string, unknown>>(
    `SELECT * EXCEPT (insert_time, bin, dec), hex(bin) AS bin FROM ${table} ORDER BY id`,
  )
  assert.deepEqual(full, {
    id: '1',
    i8: -128,
    u16: 65535,
    u64: '18446744073709551615',
    f32: 0.5,
    f64: 1e300,
    b: true,
    s: 'ä\u0000"\\',
    d: '1969-12-31',
    ts: '2024-02-29 12:00:00',
    tms: '2024-02-29 12:00:00.123',
    tus: '1969-12-31 23:59:59.999999',
    tns: '2024-02-29 12:00:00.123456789',
    tm: '45296789000',
    l: ['1', null, '3'],
    ll: [['a'], [], [null]],
    is_deleted: 0,
    bin: 'FF00',
  })
  const { id, l, ll, is_deleted, ...rest } = empty!
  assert.deepEqual([id, l, ll, is_deleted], ['2', [], [], 0])
  assert.ok(
    Object.values(rest).every(value => value === null),
    JSON.stringify(rest),
  )
  const [exact] = await db.rows(`SELECT toString(dec) AS dec FROM ${table} WHERE id = 1`)
  assert.deepEqual(exact, { dec: '12345678901234567890123456789.123456789' })
})

test('schema_override names types of columns that are made, and leaves columns out', { skip }, async t => {
  const columns: Types = { id: 'utf8', country: 'utf8', wide: 'utf8', at: 'timestamp', gone: 'utf8', js: 'utf8' }
  const wide = '115792089237316195423570985008687907853269984665640564039457584007913129639935'
  const table = await store(
    t,
    columns,
    [
      {
        id: '7f000001-0000-0000-0000-000000000001',
        country: 'de',
        wide,
        at: '2024-02-29T12:00:00',
        gone: 'x',
        js: '{"a":1}',
      },
    ],
    {
      schema_override: {
        id: 'UUID',
        country: 'LowCardinality(String)',
        wide: 'UInt256',
        at: 'DateTime',
        gone: null,
        js: 'JSON',
      },
    },
  )
  const types = await db.rows(
    `SELECT name, type FROM system.columns WHERE table = '${table}' AND database = '${db.name}'`,
  )
  assert.deepEqual(types.slice(0, 5), [
    { name: 'id', type: 'UUID' },
    { name: 'country', type: 'LowCardinality(String)' },
    { name: 'wide', type: 'UInt256' },
    { name: 'at', type: 'DateTime' },
    { name: 'js', type: 'JSON' },
  ])
  const [found] = await db.rows(`SELECT toString(wide) AS wide, country, at, toString(js) AS js FROM ${table}`)
  assert.deepEqual(found, { wide, country: 'de', at: '2024-02-29 12:00:00', js: '{"a":"1"}' })
})

for (const compression of ['none', 'zstd', 'gzip', 'lz4'])
  test(`rows arrive compressed by ${compression}`, { skip }, async t => {
    const columns: Types = { id: 'int64', s: 'utf8' }
    const rows = Array.from({ length: 70_000 }, (_, id) => ({
      id,
      s: id % 3 === 0 ? null : `text ${(id * 7919) % 100_003}`,
    }))
    const table = await store(t, columns, rows, { compression, compression_level: 1 })
    const [found] = await db.rows(
      `SELECT count() AS c, sum(id) AS i, countIf(s = concat('text ', toString((id * 7919) % 100003))) AS s FROM ${table}`,
    )
    assert.deepEqual(found, { c: '70000', i: '2449965000', s: String(70_000 - Math.ceil(70_000 / 3)) })
  })

const number = 12345678901234567890n

/** What the server alone would wrap around, cut, or make NULL of. */
for (const [column, type, good, bad, shown] of [
  ['Nullable(UInt8)', 'int64', 255, 256, '256'],
  ['UInt64', 'int64', 5, -1, '-1'],
  ['Int32', 'uint64', 5, number, String(number)],
  ['Nullable(Float64)', 'int64', 5, (1n << 53n) + 1n, '9007199254740993'],
  ['Decimal(10, 2)', 'int64', 99_999_999, 100_000_000, '100000000'],
  ['Nullable(Decimal(10, 2))', 'decimal128(38, 9)', '-99999999.99', '1.123', '1.123000000'],
  ['Float32', 'float64', 1.5, 1e300, '1e\\+300'],
  ['Nullable(UUID)', 'utf8', '7f000001-0000-0000-0000-000000000001', 'xx', '"xx"'],
  ['Nullable(IPv4)', 'utf8', '127.0.0.1', '127.0.0', '"127.0.0"'],
  ['IPv6', 'utf8', '::1', 'x', '"x"'],
  ['Nullable(UInt256)', 'utf8', '1', '-1', '"-1"'],
  ['Nullable(FixedString(3))', 'utf8', 'abc', 'abcd', '"abcd"'],
  ["Enum8('a' = 1, 'b' = 2)", 'utf8', 'b', 'zzz', '"zzz"'],
  // the number of a member, which the server would take for the member
  ["Nullable(Enum16('a' = 300))", 'utf8', 'a', '300', '"300"'],
  ['JSON', 'utf8', '{"a": 1}', '[1]', '"\\[1\\]"'],
  ['Date', 'date32', '2024-02-29', '1969-12-31', '"1969-12-31"'],
  ['DateTime', 'timestamp(us, UTC)', '2024-02-29T12:00:00Z', '2400-01-01T00:00:00Z', '"2400-01-01T00:00:00Z"'],
] as const)
  test(`a value that is no ${column} becomes a dead letter`, { skip }, async t => {
    const columns: Types = { id: 'int64', x: type }
    const table = `t${++tables}`
    const config = { table, primary_key: 'id', schema_override: { x: column } }
    const { sink, context } = await openSink(t, db.server, config, streamOf(columns), { name: table })
    await sink.begin()
    await sink.write(
      batchOf(columns, [
        { id: 1, x: good },
        { id: 2, x: bad },
        { id: 3, x: good, _gs_op: 'd' },
      ]),
      1,
    )
    await sink.commit(checkpoint(1))
    assert.deepEqual(await db.rows(`SELECT id FROM ${table} WHERE isNotNull(x) ORDER BY id`), [
      { id: '1' },
      { id: '3' },
    ])
    assert.equal(context.deadRows.length, 1)
    assert.match(
      context.deadRows[0]!.message,
      new RegExp(`^column "x": ${shown} is no ${column.replace(/[()]/g, '\\$&')}$`),
    )
  })

/** Values of `x` that are stored, and the dead letters of the others. */
async function kept(t: TestContext, column: string, values: readonly string[]) {
  const table = `t${++tables}`
  const config = { table, primary_key: 'id', schema_override: { x: column } }
  const columns: Types = { id: 'int64', x: 'utf8' }
  const { sink, context } = await openSink(t, db.server, config, streamOf(columns), { name: table })
  await sink.begin()
  await sink.write(
    batchOf(
      columns,
      values.map((x, id) => ({ id, x })),
    ),
    1,
  )
  await sink.commit(checkpoint(1))
  const rows = await db.rows<{ id: string; x: unknown }>(`SELECT id, x FROM ${table} ORDER BY id`)
  await sink.close()
  return { rows, dead: context.deadRows.map(({ row }) => values[(row as { id: number }).id]) }
}

test('members of an enum are told from other texts, whatever they are called', { skip }, async t => {
  const members = [
    '',
    'a',
    "'",
    '\\',
    "b'\\n",
    '\n\t\0\r\b\f',
    'ä,(x)',
    '1 = 2',
    '`',
    '"',
    'c) ',
    "d' = 4, 'e",
    '\ufeffa',
    '\v',
  ]
  const others = ['1', '-3', ' a', 'A', 'n', "b'", 'a\0', '\ufeff', "'a'", 'd', 'e', 'c)']
  const sql = members.map((name, at) => `${literal(name)} = ${at * 3 - 3}`).join(', ')
  const { rows, dead } = await kept(t, `Enum8(${sql})`, [...members, ...others])
  assert.deepEqual(
    rows.map(({ x }) => x),
    members,
  )
  assert.deepEqual(dead, others)
})

test('a JSON column takes objects that the server takes, too, and nothing else', { skip }, async t => {
  const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
  const good = [
    '{}',
    ' {"a" : [ 1 , "x" , null , {"b":[]} , [{"b":1},{"b":2}] ] , "b":{} }\n',
    '{"a":"\\u0000 \\ud83d\\ude00 } ] , : \\" \\\\"}',
    '{"a":18446744073709551615,"b":-9223372036854775808,"c":1e308,"d":123456789012345678901.5,"e":-0}',
    '{"":1,".":2,"a.b":{"c":1},"a":{"b":{"d":2}}}',
    '{"a":{"b":null,"c":{}},"a.b":1,"a.c":2}',
    deep(1000),
  ]
  const bad = [
    '',
    'null',
    '1',
    '"{}"',
    'true',
    '[1]',
    '[{}]',
    '{a:1}',
    "{'a':1}",
    '{"a":1',
    '{"a":1}}',
    '{"a":1} x',
    '{"a":1}{"b":2}',
    '{"a":1,}',
    '{"a":NaN}',
    '{"a":01}',
    '{"a":"\u0001"}',
    '\ufeff{}',
    '\u00a0{}',
    '{}\0',
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":null}',
    '{"a":{},"a":{}}',
    '{"a":[[{"b":1,"b":2}]]}',
    '{"a":{"b":1},"a.b":[]}',
    '{"a":[{"b":{"c":1},"b.c":2}]}',
    '{"a":"\\ud800"}',
    '{"\\ude00\\ud83d":1}',
    '{"a":18446744073709551616}',
    '{"a":-9223372036854775809}',
    '{"a":1e999}',
    deep(1100),
    `{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
  ]
  const { rows, dead } = await kept(t, 'JSON', [...bad, ...good])
  assert.deepEqual(
    rows.map(({ id }) => Number(id)),
    good.map((_, at) => bad.length + at),
  )
  assert.deepEqual(dead, bad)
})

test('what is let through to a JSON column is taken by the server, whatever it is', { skip }, async t => {
  const name = fc.constantFrom('a', 'b', 'a.b', 'b.a', '', '.', '\\u0061')
  const { value } = fc.letrec<{ value: string }>(tie => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom('1', 'null', 'true', '-1.5e3', '"x"', '""', '9007199254740993', '18446744073709551616'),
      fc.array(tie('value'), { maxLength: 3 }).map(all => `[${all.join(',')}]`),
      fc
        .array(fc.tuple(name, tie('value')), { maxLength: 3 })
        .map(all => `{${all.map(([k, v]) => `"${k}":${v}`).join(',')}}`),
    ),
  }))
  const values = fc.sample(
    value.filter(text => text.startsWith('{')),
    2000,
  )
  const { rows, dead } = await kept(t, 'JSON', values)
  assert.equal(rows.length + dead.length, values.length)
  assert.ok(rows.length > 100 && dead.length > 100)
})

for (const [column, type] of [
  ['Nullable(UInt8)', 'float64'],
  ['Nullable(DateTime)', 'utf8'],
  ['Int64', 'timestamp'],
  ['Array(UInt8)', 'list<int64>'],
  ['String', 'list<int64>'],
] as const)
  test(`${type} into ${column} is refused`, { skip }, async t => {
    const config = { table: `t${++tables}`, primary_key: 'id', schema_override: { x: column } }
    const { sink } = await openSink(t, db.server, config, streamOf({ id: 'int64', x: type }), { name: config.table })
    await assert.rejects(sink.begin(), {
      code: 'bad_pipeline',
      message: /which the server would change: cast it, or declare/,
    })
  })
