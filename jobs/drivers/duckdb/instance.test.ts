import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { Decimal, Field, Int32, makeData, RecordBatch, Schema, Struct, Utf8, vectorFromArray } from 'apache-arrow'
import { openDuckDb } from './instance.ts'

async function open(t: { after(end: () => void): void }) {
  const db = await openDuckDb()
  t.after(() => db.close())
  return db
}

test('types that Arrow has not are read as text', async t => {
  const db = await open(t)
  const [row] = await db.rows(`
    select 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid as id, 'on'::enum('off', 'on') as state,
           interval 3 day as pause, '101'::bit as bits, '01:02:03+01'::timetz as t, [interval 1 month] as several,
           [1, 2]::int[2] as pair; `)
  const { several, pair, ...rest } = row!
  assert.deepEqual(rest, {
    id: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
    state: 'on',
    pause: '3 days',
    bits: '101',
    t: '01:02:03+01',
  })
  assert.deepEqual([...(several as Iterable<unknown>)], ['1 month'])
  assert.deepEqual([...(pair as Iterable<unknown>)], [1, 2])
})

test('128-bit integers are decimals of 38 digits, and an error where they have more', async t => {
  const db = await open(t)
  const read = await db.query(
    `select (10::hugeint ** 37)::hugeint * 9 as big, -5::hugeint as small, 7::uhugeint as plus`,
  )
  assert.ok(read!.schema.fields.every(field => field.type instanceof Decimal && field.type.precision === 38))
  assert.equal(read!.getChildAt(1)!.get(0).toString(), '-5')
  await assert.rejects(db.query('select 170141183460469231731687303715884105727::hugeint as h'), {
    code: 'bad_data',
    message: 'column "h": 170141183460469231731687303715884105727 has more than 38 digits: cast it to text',
  })
})

test('columns of JSON text are JSON in SQL, and known again behind it, unless text is asked for', async t => {
  const db = await open(t)
  const schema = new Schema([new Field('payload', new Utf8(), true, new Map([['json', 'true']]))])
  await db.createTable('j', schema)
  assert.equal((await db.schemaOf('select payload from j')).fields[0]!.metadata.get('json'), 'true')
  assert.equal((await db.schemaOf(`select payload->>'a' as a from j`)).fields[0]!.metadata.get('json'), undefined)
  await db.createTable('j', schema, { json: 'text' })
  assert.equal((await db.schemaOf('select payload from j')).fields[0]!.metadata.get('json'), undefined)
})

test('an error is one line with the place, also in a long statement', async t => {
  const db = await open(t)
  await assert.rejects(db.query('select 1,\n  nosuch from (select 1 as nosuc)'), {
    code: 'bad_pipeline',
    message:
      'Binder Error: Referenced column "nosuch" not found in FROM clause!; Candidate bindings: "nosuc" (line 2, column 3)',
  })
  const long = `select ${'1 + '.repeat(80)} nosuch`
  await assert.rejects(db.query(long), new RegExp(`\\(line 1, column ${long.indexOf('nosuch') + 1}\\)$`))
  await assert.rejects(db.query(`select 'x'::int`), {
    code: 'bad_data',
    message: /^Conversion Error: [^\n]*'x'[^\n]*$/,
  })
})

test('text that is not UTF-8 is refused, in long columns and in short ones', async t => {
  const db = await open(t)
  for (const bytes of [Uint8Array.of(0xff, 0xfe), new Uint8Array(40).fill(0xc3)]) {
    const schema = new Schema([new Field('s', new Utf8(), true)])
    const column = makeData({ type: new Utf8(), length: 1, valueOffsets: Int32Array.of(0, bytes.length), data: bytes })
    const type = new Struct(schema.fields)
    const batch = new RecordBatch(schema, makeData({ type, length: 1, nullCount: 0, children: [column] }))
    await db.createTable('t', schema)
    await assert.rejects(db.append('t', batch), { code: 'bad_data', message: 'column "s" has text that is not UTF-8' })
    assert.deepEqual(await db.rows('select count(*) as n from t'), [{ n: 0n }])
  }
})

test('a batch that is not of the table is refused before a byte of it is copied', async t => {
  const db = await open(t)
  await db.run('create table t (a bigint)')
  const column = vectorFromArray([1], new Int32()).data[0]!
  const schema = new Schema([new Field('a', new Int32(), true)])
  const data = makeData({ type: new Struct(schema.fields), length: 1, nullCount: 0, children: [column] })
  await assert.rejects(
    db.append('t', new RecordBatch(schema, data)),
    /column a of table t is BIGINT, that of a batch INTEGER/,
  )
})

test('a stream ends when its signal aborts, and the next statement runs', { timeout: 30_000 }, async t => {
  const db = await open(t)
  const abort = new AbortController()
  const rows = db.stream('select count(*) from range(1000000000000) a(i) where i % 3 = i % 7', { signal: abort.signal })
  const ended = assert.rejects(rows[Symbol.asyncIterator]().next())
  setTimeout(() => abort.abort(), 20)
  await ended
  assert.deepEqual(await db.rows('select 1 as one'), [{ one: 1 }])
})

test(
  'a statement that is interrupted, or whose database is closed, ends with timeout',
  { timeout: 30_000 },
  async () => {
    const db = await openDuckDb()
    const endless = 'select count(*) as n from range(1000000000000) a(i) where i % 3 = i % 7'
    const first = assert.rejects(db.query(endless), { code: 'timeout' })
    setTimeout(() => db.interrupt(), 20)
    await first
    const second = assert.rejects(db.query(endless), { code: 'timeout' })
    setTimeout(() => db.close(), 20)
    await second
    await assert.rejects(db.query('select 1'), { code: 'timeout', message: 'the SQL engine was closed' })
  },
)

test('a function in JavaScript sees columns with their nulls, and what it throws fails the statement', async t => {
  const db = await open(t)
  const calls: number[] = []
  await db.register({
    name: 'doubled',
    parameters: ['VARCHAR'],
    returns: 'VARCHAR',
    call([column], rows) {
      calls.push(rows)
      const values = Array.from({ length: rows }, (_, row) => new TextDecoder().decode(bytesOf(column!, row)).repeat(2))
      return vectorFromArray(
        values.map((value, row) => (column!.getValid(row) ? value : null)),
        new Utf8(),
      ).data[0]!
    },
  })
  const read = await db.query(`select doubled(case when i % 2 = 0 then 'text ' || i end) as d from range(3000) t(i)`)
  assert.equal(read!.getChildAt(0)!.get(2998), 'text 2998text 2998')
  assert.equal(read!.getChildAt(0)!.get(2999), null)
  assert.deepEqual(calls, [2048, 952])
  await db.register({
    name: 'never',
    parameters: [],
    returns: 'INTEGER',
    volatile: true,
    call() {
      throw new Error('not today')
    },
  })
  await assert.rejects(db.query('select never()'), /never: not today$/)
})

const bytesOf = (data: { values: Uint8Array; valueOffsets: Int32Array }, row: number) =>
  data.values.subarray(data.valueOffsets[row], data.valueOffsets[row + 1])

test('it works inside a worker thread', { timeout: 60_000 }, async () => {
  const entry = new URL('./instance.ts', import.meta.url).href
  const worker = new Worker(
    `import { parentPort } from 'node:worker_threads'
     const { openDuckDb } = await import(${JSON.stringify(entry)})
     const db = await openDuckDb()
     const [row] = await db.rows("select sum(i)::bigint as s from range(10) t(i)")
     db.close()
     parentPort.postMessage(row.s)`,
    { eval: true },
  )
  const answer = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  assert.equal(answer, 45n)
  await worker.terminate()
})

test('sessions share tables, and end with the first one', async t => {
  const db = await open(t)
  const [one, other] = [await db.session(), await db.session()]
  await db.run('create table t as select range as n from range(10)')
  await one.run('insert into t values (10)')
  assert.deepEqual(await other.rows('select count(*)::int as rows from t'), [{ rows: 11 }])

  // a call of one does not wait for that of another
  const endless = assert.rejects(one.run('select sum(a.range * b.range) from range(1000000) a, range(1000000) b'), {
    code: 'timeout',
  })
  assert.deepEqual(await other.rows('select 1::int as n'), [{ n: 1 }])
  one.interrupt()
  await endless
  assert.deepEqual(await one.rows('select 2::int as n'), [{ n: 2 }])

  db.close()
  await assert.rejects(other.rows('select 1'), { code: 'timeout', message: 'the SQL engine was closed' })
})
