import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { DateDay, Field, FixedSizeList, Int32, Map_ as MapType, Struct, Utf8 } from 'apache-arrow'
import fc from 'fast-check'
import { service } from '../../../test/support/servers.ts'
import { batchOf, type TestDatabase, testDatabase } from '../../drivers/clickhouse/harness.suite.ts'
import { literal } from '../../drivers/clickhouse/names.ts'
import { dataOf } from '../../runtime/batch/build.ts'
import { checkpoint, streamOf, type Types } from '../../runtime/harness/sink.suite.ts'
import { fitOf } from './fit.ts'
import { openSink } from './harness.suite.ts'

const { skip, at } = service('clickhouse')
const db: TestDatabase = skip ? (undefined as never) : await testDatabase(at.CLICKHOUSE)
let tables = 0

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
  ['Nullable(UInt8)', 'utf8', '007', '-0', '"-0"'],
  ['Nullable(IPv6)', 'utf8', 'fe80::1', 'fe80::1%eth0', '"fe80::1%eth0"'],
  // nine digits end in 2262
  ['DateTime64(9)', 'timestamp(us)', '2262-04-11T23:47:16.854775', '2262-04-11T23:47:16.854776', '"2262-04-11T23:.*"'],
  ['DateTime64(9)', 'timestamp(s)', '2262-04-11T23:47:16', '2262-04-11T23:47:17', '"2262-04-11T23:47:17"'],
  ['Array(Nullable(Date32))', 'list<date32>', ['2024-02-29', null], ['1800-01-01'], '\\["1800-01-01"\\]'],
  ['Array(Nullable(Date))', 'list<date32>', ['2024-02-29'], [null, '1969-12-31'], '\\[null,"1969-12-31"\\]'],
  ['Array(UInt8)', 'list<int64>', [255], [1, 256], '\\[1,256\\]'],
  ['Array(Int64)', 'list<int64>', [1], [null], '\\[null\\]'],
  ['Array(Array(Nullable(UUID)))', 'list<list<utf8>>', [[null], []], [[], ['x']], '\\[\\[\\],\\["x"\\]\\]'],
  ["Array(Enum8('a' = 1))", 'list<utf8>', ['a'], ['b'], '\\["b"\\]'],
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

for (const [column, values, stored] of [
  [
    'IPv6',
    [
      '2001:db8::1:2:34',
      '1:2:3:4:5:6:7:10',
      '1111:2222:3333::',
      '::1111:2222:3333',
      '::ffff:10.0.0.10',
      '1234::1.22.33.44',
    ],
    [
      '2001:db8::1:2:34',
      '1:2:3:4:5:6:7:10',
      '1111:2222:3333::',
      '::1111:2222:3333',
      '::ffff:10.0.0.10',
      '1234::116:212c',
    ],
  ],
  ['Nullable(UInt128)', ['1234567890123456'], ['1234567890123456']],
  ['Int128', ['-234567890123456'], ['-234567890123456']],
  ['Int256', ['-2345678901234561234567890123456'], ['-2345678901234561234567890123456']],
  ['UInt256', ['12345678901234561234567890123456'], ['12345678901234561234567890123456']],
] as const)
  test(`texts of as many bytes as an ${column} has are not taken for its bytes`, { skip }, async t => {
    for (const [at, value] of values.entries()) {
      const { rows, dead } = await kept(t, column, [value])
      assert.deepEqual([rows.map(({ x }) => String(x)), dead], [[stored[at]], []])
    }
  })

test('what is let through as an address is one of the server, too', { skip }, async t => {
  const group = fc.constantFrom('', '0', '1', 'ab', '00fF', '12345', '1.2.3.4', '01.2.3.4', '%e', '::')
  const values = fc.sample(
    fc.array(group, { minLength: 1, maxLength: 9 }).map(groups => groups.join(':')),
    3000,
  )
  for (const column of ['Nullable(IPv4)', 'Nullable(IPv6)']) {
    const { rows, dead } = await kept(t, column, [...values, '::1', '1.2.3.4', '1::', '1:2:3:4:5:6:7::'])
    assert.ok(rows.length > 0 && dead.length > 0)
    assert.deepEqual(
      rows.filter(({ x }) => x === null),
      [],
    )
  }
})

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

test('values within structs, maps and lists of one size are looked through, in slices, too', () => {
  const date = new Field('d', new DateDay(), true)
  const pair = new Struct<{ key: Utf8; value: Int32 }>([
    new Field('key', new Utf8(), false),
    new Field('value', new Int32(), true),
  ])
  for (const [type, column, cells] of [
    [
      new Struct([date, new Field('s', new Utf8(), true)]),
      'Tuple(d Nullable(Date), s Nullable(String))',
      [[1, null], [-1, 'x'], null, [null, 'x']],
    ],
    [new Struct([date]), 'Tuple(d Date)', [[1], [null], null, [65_535]]],
    [
      new MapType<Utf8, Int32>(new Field('entries', pair, false)),
      'Map(String, UInt8)',
      [
        [['a', 1]],
        [
          ['a', 2],
          ['b', 256],
        ],
        null,
        [],
      ],
    ],
    [new FixedSizeList(2, date), 'Array(Date)', [[1, 2], [3, -4], null, [5, 6]]],
  ] as const) {
    const fit = fitOf(type, column)
    assert.ok(typeof fit === 'function', column)
    const data = dataOf(type, cells as never)
    const valid = [0, 1, 3]
    assert.deepEqual(valid.map(fit(data)), [false, true, false], column)
    assert.deepEqual([0, 2].map(fit(data.slice(1, 3))), [true, false], column)
  }
})
