import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { service } from '../../../test/support/servers.ts'
import { errorOf } from '../../runtime/harness/error.suite.ts'
import { allOf, contextFor, openFor, partsOf, placeFor } from './harness.suite.ts'
import { postgres } from './postgres.ts'

const { skip, at } = service('postgres')
const url = at.POSTGRES

test('a table comes with the types that it has', { skip }, async t => {
  const place = await placeFor(t, url)
  await place.run(`
    CREATE DOMAIN price AS NUMERIC(12, 4); CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TABLE "Order" (id BIGINT PRIMARY KEY, "weird "" name" TEXT NOT NULL, n SMALLINT, r REAL, ok BOOLEAN, p price,
      any_number NUMERIC, u UUID, j JSONB, b BYTEA, d DATE, ts TIMESTAMP, tz TIMESTAMPTZ, m mood, tags TEXT[], c CHAR(4), gone INT,
      twice BIGINT GENERATED ALWAYS AS (id * 2) STORED);
    ALTER TABLE "Order" DROP COLUMN gone;
    INSERT INTO "Order" VALUES (9007199254740993, 'a"b', -1, 1.5, true, 12345678.1234, 1e40, '00000000-0000-0000-0000-00000000000a',
      '{"b":1,"a":"ä"}', '\\x00ff', '0044-03-15 BC', '2026-07-29 12:00:00.000001', '2026-07-29 12:00:00+02', 'ok', '{x,NULL}', 'ab'),
      (1, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`)
  const source = await openFor(t, place, { table: 'Order' })
  assert.deepEqual(
    source.schema.fields.map(({ name, type, nullable }) => `${name} ${type}${nullable ? '' : ' not null'}`),
    [
      'id Int64 not null',
      'weird " name Utf8 not null',
      'n Int16',
      'r Float32',
      'ok Bool',
      'p Decimal[12e+4]',
      'any_number Utf8',
      'u Utf8',
      'j Utf8',
      'b Binary',
      'd Date32<DAY>',
      'ts Timestamp<MICROSECOND>',
      'tz Timestamp<MICROSECOND, UTC>',
      'm Utf8',
      'tags List<Utf8>',
      'c Utf8',
      'twice Int64',
    ],
  )
  assert.deepEqual(source.primaryKey, ['id'])
  assert.equal(source.bounded, true)
  const [empty, full] = await allOf(source)
  assert.deepEqual(full, {
    id: '9007199254740993',
    'weird " name': 'a"b',
    n: -1,
    r: 1.5,
    ok: true,
    p: 12345678.1234,
    any_number: '10000000000000000000000000000000000000000',
    u: '00000000-0000-0000-0000-00000000000a',
    j: '{"a": "ä", "b": 1}',
    b: 'AP8=',
    d: '-000043-03-15',
    ts: '2026-07-29T12:00:00.000001',
    tz: '2026-07-29T10:00:00Z',
    m: 'ok',
    tags: ['x', null],
    c: 'ab  ',
    twice: '18014398509481986',
  })
  assert.deepEqual([empty!.id, empty!['weird " name'], empty!.m, empty!.tags], [1, '', null, null])
})

test('any span between two positions is read again exactly, whatever the key and the pages', { skip }, async t => {
  const place = await placeFor(t, url)
  const text = fc.oneof(
    fc.string({ maxLength: 6 }),
    fc.constantFrom('', "'", '"', '\\', "\\'; DROP TABLE t --", 'ä', '😀', 'A', 'a', '\t', '$1'),
  )
  const key = fc.tuple(
    text.map(value => value.replaceAll('\0', '')),
    fc.integer({ min: -2, max: 2 }),
  )
  let made = 0
  // words in the order of a language, which is not that of their bytes
  const icu = await place.run(`SELECT FROM pg_collation WHERE collname = 'und-x-icu'`)
  const collations = ['"C"', ...(icu.length > 0 ? ['"und-x-icu"'] : [])]
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(key, { selector: String, maxLength: 40 }),
      fc.integer({ min: 1, max: 12 }),
      fc.boolean(),
      fc.nat(),
      fc.constantFrom(...collations),
      async (keys, page_size, filtered, cut, collation) => {
        const table = `t${made++}`
        await place.run(
          `CREATE TABLE ${table} (value INTEGER, a TEXT COLLATE ${collation}, b INTEGER, PRIMARY KEY (a, b))`,
        )
        await place.session.query(
          `INSERT INTO ${table} SELECT row_number() OVER (), * FROM unnest($1::text[], $2::int[])`,
          [keys.map(([a]) => a), keys.map(([, b]) => b)],
        )
        const filter = filtered ? 'value % 3 = 0' : undefined
        const expected = await place.run(`SELECT value FROM ${table} WHERE ${filter ?? 'true'} ORDER BY a, b`)
        const config = { table, page_size, columns: 'value', ...(filter && { filter }) }
        const source = await openFor(t, place, config)
        const parts = await partsOf(source.read(await source.start()))
        assert.deepEqual(
          parts.flatMap(({ rows }) => rows),
          expected,
        )
        assert.ok(parts.every(({ rows }) => rows.length <= page_size))
        const positions = [await source.start(), ...parts.map(({ position }) => position)]
        const from = cut % positions.length
        const to = from + (Math.floor(cut / 100) % (positions.length - from))
        // as the state gives them back
        const stored = JSON.parse(JSON.stringify(positions))
        assert.deepEqual(
          await allOf(source, stored[from], stored[to]),
          parts.slice(from, to).flatMap(({ rows }) => rows),
        )
        assert.deepEqual(
          await allOf(source, stored[from]),
          parts.slice(from).flatMap(({ rows }) => rows),
        )
        await source.close()
      },
    ),
    { numRuns: Number(process.env.MILLRACE_PG_RUNS ?? 25) },
  )
})

test('a run ends at the row that was the last when it began, and the next goes on behind it', { skip }, async t => {
  const place = await placeFor(t, url)
  await place.run('CREATE TABLE t (id SERIAL PRIMARY KEY); INSERT INTO t SELECT FROM generate_series(1, 10)')
  const first = await openFor(t, place, { table: 't', page_size: 4 })
  await place.run('INSERT INTO t SELECT FROM generate_series(1, 5)')
  const parts = await partsOf(first.read(await first.start()))
  assert.deepEqual(
    parts.map(({ rows }) => rows.length),
    [4, 4, 2],
  )
  const last = parts.at(-1)!.position
  assert.deepEqual(last, { [`${place.schema}.t`]: { key: ['id'], after: ['10'] } })
  const second = await openFor(t, place, { table: 't' })
  assert.deepEqual(
    (await allOf(second, last)).map(({ id }) => id),
    [11, 12, 13, 14, 15],
  )
})

test(
  'rows that are deleted while it runs are no hindrance: the last position is that of the end',
  { skip },
  async t => {
    const place = await placeFor(t, url)
    await place.run('CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 10)')
    const source = await openFor(t, place, { table: 't', page_size: 4 })
    const start = await source.start()
    await place.run('DELETE FROM t WHERE id > 3')
    const parts = await partsOf(source.read(start))
    assert.deepEqual(
      parts.map(({ rows }) => rows.length),
      [3, 0],
    )
    const { position } = parts.at(-1)!
    assert.deepEqual(position, { [`${place.schema}.t`]: { key: ['id'], after: ['10'] } })
    assert.deepEqual((await allOf(source, start, position)).length, 3)
    const empty = await openFor(t, place, { table: 't', filter: 'false' })
    assert.deepEqual(await allOf(empty), [])
    await place.run('TRUNCATE t')
    const none = await openFor(t, place, { table: 't' })
    assert.deepEqual(await partsOf(none.read(await none.start())), [])
  },
)

test('start_at is where a pipeline without state begins, and of no meaning with one', { skip }, async t => {
  const place = await placeFor(t, url)
  await place.run(
    `CREATE TABLE t (day DATE, n INTEGER, PRIMARY KEY (day, n)); INSERT INTO t SELECT DATE '2026-01-01' + n / 3, n FROM generate_series(0, 8) n`,
  )
  const source = await openFor(t, place, { table: 't', start_at: '2026-01-02', page_size: 2 })
  const parts = await partsOf(source.read(await source.start()))
  assert.deepEqual(
    parts.flatMap(({ rows }) => rows.map(({ n }) => n)),
    [3, 4, 5, 6, 7, 8],
  )
  const later = await openFor(t, place, { table: 't', start_at: '2026-01-03', page_size: 2 })
  assert.deepEqual(
    (await allOf(later, parts[0]!.position)).map(({ n }) => n),
    [5, 6, 7, 8],
  )
  const beyond = await openFor(t, place, { table: 't', start_at: '2027-01-01' })
  assert.deepEqual(await partsOf(beyond.read(await beyond.start())), [])
  const error = await errorOf(openFor(t, place, { table: 't', start_at: 'soon' }))
  assert.deepEqual([error.code, error.path], ['bad_pipeline', ['start_at']])
  assert.match(error.message, /invalid input syntax for type date: "soon"/)
})

test('a key may be any unique index without nulls, also with more columns, and nothing less', { skip }, async t => {
  const place = await placeFor(t, url)
  await place.run(`
    CREATE TABLE bare (id INTEGER NOT NULL, code CHAR(3) NOT NULL, maybe INTEGER UNIQUE, part INTEGER NOT NULL);
    CREATE UNIQUE INDEX ON bare (part) WHERE part > 5; CREATE UNIQUE INDEX ON bare (abs(part));
    INSERT INTO bare SELECT n, chr(97 + n % 26) || n % 3, n, n FROM generate_series(1, 20) n; CREATE VIEW seen AS SELECT * FROM bare`)
  for (const [config, said] of [
    [
      { table: 'bare' },
      /bare is a table without a primary key, .* name the columns of a unique index without nulls in `key`, and it has none$/,
    ],
    [{ table: 'bare', key: 'maybe' }, /two rows with the same maybe, .*and it has none$/],
    [{ table: 'bare', key: 'part' }, /two rows with the same part/],
    [{ table: 'bare', key: 'nope' }, /bare has no column "nope": it has id, code, maybe, part$/],
    [{ table: 'seen' }, /seen is a view without a primary key/],
  ] as const) {
    const error = await errorOf(openFor(t, place, config))
    assert.deepEqual([error.code, error.path], ['bad_pipeline', ['key']])
    assert.match(error.message, said)
  }
  await place.run('CREATE UNIQUE INDEX ON bare (code, id) INCLUDE (part)')
  const error = await errorOf(openFor(t, place, { table: 'bare', key: 'code' }))
  assert.match(error.message, /two rows with the same code, .*: it has \(code, id\)$/)
  const order = 'SELECT id FROM bare ORDER BY code, part, id'
  const source = await openFor(t, place, { table: 'bare', key: 'code, part, id', columns: 'id', page_size: 3 })
  assert.deepEqual(await allOf(source), await place.run(order))
  assert.equal(source.primaryKey, undefined)
})

test('a partitioned table is read as one', { skip }, async t => {
  const place = await placeFor(t, url)
  await place.run(`
    CREATE TABLE t (id INTEGER, day DATE, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM ('2026-01-01') TO ('2026-02-01'); CREATE TABLE t_2 PARTITION OF t DEFAULT;
    INSERT INTO t SELECT n, DATE '2026-01-01' + n FROM generate_series(1, 60) n`)
  const source = await openFor(t, place, { table: 't', page_size: 7 })
  assert.deepEqual(source.primaryKey, ['id', 'day'])
  assert.deepEqual(
    (await allOf(source)).map(({ id }) => id),
    Array.from({ length: 60 }, (_, row) => row + 1),
  )
})

test('what is wrong is said before the first row, with the key that is to blame', { skip }, async t => {
  const place = await placeFor(t, url)
  await place.run('CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1), (2)')
  for (const [config, path, said] of [
    [{ table: 'T' }, 'table', /has no table t_\w+\.T \(of those in t_\w+: t\)$/],
    [{ table: 't', schema: 'nowhere' }, 'table', /has no table nowhere\.t \(of those in nowhere: none\)$/],
    [{ table: 't', columns: 'id, nam' }, 'columns', /t has no column "nam": it has id, name$/],
    [{ table: 't', columns: 'id, id' }, 'columns', /the column id is named twice$/],
    [{ table: 't', filter: 'nam > 1' }, 'filter', /column "nam" does not exist.*perhaps you meant.*"t\.name"/i],
    [{ table: 't', filter: 'id' }, 'filter', /argument of CASE\/WHEN must be type boolean/],
    [{ table: 't', filter: 'true) OR (true' }, 'filter', /syntax error at or near "\)"/],
    [
      { table: 't', filter: 'true THEN true END; DROP TABLE t; SELECT CASE WHEN true' },
      'filter',
      /cannot insert multiple commands/,
    ],
    [{ table: 'x'.repeat(64) }, undefined, /the name "x+" has 64 bytes, and Postgres keeps 63/],
  ] as const) {
    const error = await errorOf(openFor(t, place, config))
    assert.equal(error.code, 'bad_pipeline', error.message)
    assert.equal(error.path[0], path)
    assert.match(error.message, said)
  }
  const source = await openFor(t, place, { table: 't', filter: `t.id = 2 -- a comment`, columns: 'id' })
  assert.deepEqual(await allOf(source), [{ id: 2 }])
})

test('a position of another table, key or shape is refused', { skip }, async t => {
  const place = await placeFor(t, url)
  await place.run('CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER UNIQUE NOT NULL)')
  const name = `${place.schema}.t`
  const source = await openFor(t, place, { table: 't' })
  for (const [position, said] of [
    [
      { 'public.u': { key: ['id'] } },
      /the state has a position of public\.u, and none of t_\w+\.t: reset the pipeline/,
    ],
    [{}, /a position of none/],
    [
      { [name]: { key: ['n'], after: ['1'] } },
      /by the key n, and the key now is id: name the old one in `key`, or reset/,
    ],
    [{ [name]: { key: ['id'], after: ['1', '2'] } }, /by the key id/],
    [{ [name]: { key: ['id'], after: [1] } }, /is damaged: \{"key":\["id"\],"after":\[1\]\}/],
    [{ [name]: null }, /is damaged: null/],
  ] as const) {
    const error = await errorOf(allOf(source, position))
    assert.equal(error.code, 'state')
    assert.match(error.message, said)
  }
})

test('a value that Arrow has not is an error with the way out, which works', { skip }, async t => {
  const place = await placeFor(t, url)
  await place.run(
    `CREATE TABLE t (id INTEGER PRIMARY KEY, ts TIMESTAMP); INSERT INTO t VALUES (1, 'epoch'), (2, 'infinity'), (3, NULL)`,
  )
  const source = await openFor(t, place, { table: 't' })
  const { code, message } = await errorOf(allOf(source))
  assert.equal(code, 'bad_data')
  assert.match(message, /column "t_\w+\.t\.ts": a timestamp is infinite: leave such rows out with `filter`/)
  const finite = await openFor(t, place, { table: 't', filter: 'ts IS NULL OR isfinite(ts)', columns: 'id' })
  assert.deepEqual(await allOf(finite), [{ id: 1 }, { id: 3 }])
})

test('each source may have a server and user of its own', { skip }, async t => {
  const place = await placeFor(t, url)
  await place.run('CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (7)')
  const { settings } = contextFor(url)
  const { host, port, user, password: pass, db, sslmode } = settings.postgres_source
  const own = { host, port, user, pass, db, sslmode }
  const context = contextFor(url, { settings: { host: 'nowhere.invalid' }, more: { name: 'raw.orders-1' } })
  const config = postgres.config.parse({ table: 't', schema: place.schema })
  const other = { ...context.settings, postgres_source_connections: { raw_orders_1: own } }
  const source = await postgres.open(config, { ...context, settings: other })
  assert.deepEqual(await allOf(source), [{ id: 7 }])
  await source.close()
  assert.equal((await errorOf(postgres.open(config, context))).code, 'unavailable')
})

test('the highest offset of each partition is read from a table of offsets', { skip }, async t => {
  const place = await placeFor(t, url)
  await place.run(
    `CREATE TABLE offsets (topic TEXT, partition INTEGER, "offset" BIGINT);
     INSERT INTO offsets VALUES ('a.b', 0, 5), ('a_b', 0, 9007199254740993), ('a.b', 1, 0), ('other', 2, 1), ('a.b', 3, NULL), ('a.b', NULL, 7)`,
  )
  const config = postgres.config.parse({ table: 'offsets', schema: place.schema })
  const table = { table_name: `${place.schema}.offsets`, partition_column: 'partition', offset_column: 'offset' }
  const read = (topic_column: string | null) =>
    postgres.offsets!(config, { ...table, topic_column, topics: ['a.b', 'a_b'] }, contextFor(url))
  assert.deepEqual(
    [...(await read('topic'))],
    [
      [0, 9007199254740993n],
      [1, 0n],
    ],
  )
  assert.deepEqual([...(await read(null)).keys()].sort(), [0, 1, 2])
  const { code, message } = await errorOf(read('topics'))
  assert.equal(code, 'bad_pipeline')
  assert.match(message, /column "topics" does not exist/)
})

test('rows that policies hide are told of', { skip }, async t => {
  const place = await placeFor(t, url)
  const user = `${place.schema}_reader`
  await place.run(`CREATE TABLE orders (id bigint PRIMARY KEY); INSERT INTO orders VALUES (1);
    ALTER TABLE orders ENABLE ROW LEVEL SECURITY; CREATE ROLE ${user} LOGIN PASSWORD 'pw';
    GRANT USAGE ON SCHEMA ${place.schema} TO ${user}; GRANT SELECT ON orders TO ${user}`)
  try {
    const warnings: string[] = []
    const log = { debug() {}, info() {}, warn: (message: string) => void warnings.push(message) }
    await openFor(t, place, { table: 'orders' }, { more: { log } })
    assert.deepEqual(warnings, [])
    await openFor(t, place, { table: 'orders' }, { settings: { user, password: 'pw' }, more: { log } })
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, /row-level security of .*\.orders applies to this user/)
  } finally {
    await place.run(`DROP OWNED BY ${user}; DROP ROLE ${user}`)
  }
})
