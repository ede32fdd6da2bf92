import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { service } from '../../../../test/support/servers.ts'
import { appendOf } from '../../store.suite.ts'
import type { Store } from '../../store.ts'
import { createDatabase, type TestDatabase } from '../database.suite.ts'
import { openPostgres } from '../postgres.ts'

const { skip, at } = service('postgres')
const limits = { ms: 5000, bytes: 64 << 20, rows: 100 }
let database: TestDatabase
let store: Store
before(async () => {
  if (skip) return
  database = await createDatabase(at.POSTGRES)
  store = await openPostgres({ url: database.url })
  await database.sql('create table public.secrets as select 1 as secret')
  await database.sql(
    "create function public.lower(secrets text, more text) returns text language sql as $$ select 'evil' $$",
  )
})
after(async () => {
  await store?.close()
  await database?.drop()
})

test('a query reads the data tables with parameters, as $1 or as ?', { skip }, async () => {
  await store.append(appendOf('sql', ['{"n":1,"a":{"b":[true]}}', '{"n":2}']))
  const from = 'from events join streams using (stream_id) where stream_key ='
  for (const mark of ['$1', '?'])
    assert.deepEqual(
      await store.query(
        `select payload->>'n' as n, '?' as mark ${from} ${mark} order by stream_index;`,
        ['sql'],
        limits,
      ),
      {
        columns: ['n', 'mark'],
        rows: [
          ['1', '?'],
          ['2', '?'],
        ],
        truncated: false,
      },
    )
  const jsonb = await store.query(`select payload::jsonb ? 'a' as has ${from} 'sql' order by stream_index`, [], limits)
  assert.deepEqual(jsonb.rows, [[1], [0]])
  const typed = await store.query('select $1::bigint + 1, $2::boolean, $3::text is null', [5, true, null], limits)
  assert.deepEqual(typed.rows, [[6, 1, 1]])
})

test(
  'values are exact: integers above 2^53 and long decimals as text, no NaN, no infinities, bytes as base64',
  { skip },
  async () => {
    const text = `select 9007199254740993::bigint, 9007199254740991::bigint, 18446744073709551615::numeric, 1.50::numeric, 0.1::numeric,
    0.12345678901234567890::numeric, 'NaN'::float8, '-Infinity'::float8, 0.1::float8, '\\x00ff'::bytea, null, true, insert_datetime
    from events join streams using (stream_id) where stream_key = 'sql' limit 1`
    const { rows } = await store.query(text, [], limits)
    assert.deepEqual(rows, [
      [
        '9007199254740993',
        9007199254740991,
        '18446744073709551615',
        1.5,
        0.1,
        '0.12345678901234567890',
        'NaN',
        '-9e999',
        0.1,
        'AP8=',
        null,
        1,
        '2023-11-14 22:13:20',
      ],
    ])
  },
)

test('an event with an escape that is no text is told by a query that finds it', { skip }, async () => {
  for (const payload of ['{"odd":"\\u0000"}', '{"odd":"\\uD800"}']) {
    await store.append(appendOf('odd', [payload, '{"odd":"\\u0041"}']))
    const failed = await store.query("select payload->>'odd' from events", [], limits).catch((error: Error) => error)
    assert.ok(failed instanceof Error)
    assert.match(failed.message, /^the SQL failed: .*: the JSON of an event has a \\u0000 or half of a surrogate pair/)
    const way = failed.message.slice(failed.message.indexOf('select event_id'))
    const { rows } = await store.query(`select payload::text from events where event_id in (${way})`, [], limits)
    assert.deepEqual(rows, [[payload]])
    await assert.rejects(store.readTail({ after: 0, limit: 10, where: "payload->>'odd' is not null" }), {
      code: 'bad_query',
      message: /it is among those of: select event_id/,
    })
    await store.deleteStream({ tenant: '', key: 'odd' })
  }
})

test('a query is cut at its row limit', { skip }, async () => {
  const text = 'with recursive c(x) as (select 1 union all select x + 1 from c) select x from c'
  assert.deepEqual(await store.query(text, [], { ...limits, rows: 2 }), {
    columns: ['x'],
    rows: [[1], [2]],
    truncated: true,
  })
  assert.equal((await store.query('values (1), (2)', [], { ...limits, rows: 2 })).truncated, false)
})

for (const [what, text] of Object.entries({
  'a write': 'delete from events',
  'a hidden write': 'with x as (select 1) insert into events select 1',
  'a write in a WITH': 'with x as (delete from streams returning 1) select * from x',
  'a table that it makes': 'select 1 as a into temp b',
  'a lock of rows': 'select * from streams for update',
  'two statements': 'select 1; select 2',
  'two statements and a comment': "select 1 /* ; */; drop table events --'",
  'a setting': 'set statement_timeout = 0',
  'a setting by a function': "select set_config('statement_timeout', '0', false)",
  'a setting by a function in capitals and comments':
    "select SET_config /* a */ -- b\n ('statement_timeout', '0', false)",
  'a setting by a quoted function': `select "set_config"('statement_timeout', '0', false)`,
  'a setting by a qualified function': "select pg_catalog.set_config('statement_timeout', '0', false)",
  'a name by code points': `select U&"set\\005fconfig"('statement_timeout', '0', false)`,
  'a read setting': "select current_setting('data_directory')",
  'the tokens': 'select * from tokens',
  'the tokens in disguise':
    'with t as (select hash from "millrace"."tokens") select * from events where payload::text in (select * from t)',
  'the tokens by TABLE': 'select * from (table tokens) as t',
  'the tokens in a subquery': 'select (select max(hash) from tokens), exists (select 1 from only tokens)',
  'the tokens as XML': "select table_to_xml('tokens', true, false, '')",
  'SQL in a function': "select query_to_xml('select * from tokens', true, false, '')",
  'the connections of gateways': 'select * from writers',
  'a table of another schema': 'select * from public.secrets',
  'a function of another schema': "select public.lower('a', 'b')",
  'a function of ours': "select take_place('events')",
  'the catalog': 'select * from pg_class',
  'the catalog by a view': 'select * from information_schema.tables',
  'the settings by a view': 'select * from pg_settings',
  'the passwords': 'select * from pg_authid',
  'a file': "select pg_read_file('/etc/passwd')",
  'a file in FROM': "select * from pg_ls_dir('/')",
  'a large object': "select lo_import('/etc/passwd')",
  'a nap': 'select pg_sleep(1)',
  'a lock': 'select pg_advisory_lock(1)',
  'an end of others': 'select pg_terminate_backend(pg_backend_pid())',
  'a message': "select pg_notify('millrace:millrace', 'tokens')",
  'the next id': "select nextval('events_ids')",
  'an operator of a schema': 'select 1 operator(pg_catalog.+) 1',
  'a copy': "copy events to '/tmp/x'",
  'a program': "copy (select 1) to program 'true'",
  'an anonymous block': 'do $$ begin end $$',
  'a pragma': 'pragma user_version',
  'an open literal': "select 'a",
  'an open comment': 'select 1 /* /* */',
  'an open dollar quote': 'select $a$ $b$',
  'no SQL': 'hello',
  'a table that is not there': 'select * from nosuch',
  nothing: ' ',
}))
  test(`a query with ${what} is refused`, { skip }, async () => {
    await assert.rejects(store.query(text, [], limits), { code: 'bad_query' })
  })

test(
  'a query may name in its literals and comments what it may not call, and use what only computes',
  { skip },
  async () => {
    for (const [text, rows] of [
      [`select 'pg_sleep(1) tokens; x' as "pg_sleep" -- from tokens; pg_sleep(1)`, [['pg_sleep(1) tokens; x']]],
      [
        "select $q$ it's ; pg_sleep(1) $q$, e'\\';pg_sleep(1)' /* pg_sleep(1) /* nested */ ; */",
        [[" it's ; pg_sleep(1) ", "';pg_sleep(1)"]],
      ],
      ["select value #>> '{}' from json_array_elements('[1,\"a\"]')", [['1'], ['a']]],
      [
        "select lower('A'), count(*), max(x), string_agg(x::text, ',') from generate_series(1, 3) as g(x)",
        [['a', 3, 3, '1,2,3']],
      ],
      [
        "with t(a, b) as (values (1, 2)) select a in (1, 2), round(b / 3.0, 2), extract(year from date '2026-07-29') from t",
        [[1, 0.67, 2026]],
      ],
      [
        'select random() < 2, row_number() over (order by 1), coalesce(null, 1), array_length(array[1,2], 1)',
        [[1, 1, 1, 2]],
      ],
    ] as const)
      assert.deepEqual((await store.query(text, [], limits)).rows, rows, text)
    for (const table of [
      'streams',
      'events',
      'dead_letters',
      'otlp_logs',
      'otlp_metrics_exp_histogram',
      'jobs',
      'job_runs',
      'events_default',
    ])
      await store.query(`select count(*) from ${table}`, [], limits)
  },
)

test('a query past its time or the bytes of its result is killed, and the next one runs', { skip }, async () => {
  const endless = 'with recursive c(x) as (select 1 union all select x + 1 from c) select max(x) from c'
  await assert.rejects(store.query(endless, [], { ...limits, ms: 200 }), { code: 'query_limit' })
  const small = { ...limits, bytes: 1 << 20 }
  await assert.rejects(store.query("select repeat('x', 100000) from generate_series(1, 100)", [], small), {
    code: 'query_limit',
  })
  await assert.rejects(store.query("select repeat('x', 50000000)", [], small), { code: 'query_limit' })
  assert.deepEqual((await store.query('select 1 as one', [], limits)).rows, [[1]])
})

test('a query whose asker went away is cancelled where it runs, and dropped where it waits', { skip }, async () => {
  const endless = 'with recursive c(x) as (select 1 union all select x + 1 from c) select max(x) from c'
  const askers = Array.from({ length: 4 }, () => new AbortController())
  const over: number[] = []
  const queries = askers.map(({ signal }, i) =>
    store.query(endless, [], { ...limits, ms: 60_000 }, signal).catch((error: Error) => {
      over.push(i)
      return error.message
    }),
  )
  const last = store.query('select 1', [], limits)
  askers[3]!.abort()
  assert.match(String(await queries[3]), /nobody waits/)
  for (const asker of askers) asker.abort()
  assert.deepEqual((await last).rows, [[1]])
  for (const message of await Promise.all(queries)) assert.match(String(message), /nobody waits for its result/)
  assert.equal(over[0], 3)
})

test('a filtered tail stays inside its expression', { skip }, async () => {
  const start = await store.lastEventId()
  await store.append(appendOf('where', ['{"level":"info"}', '{"level":"error","a":"--"}']))
  for (const where of [
    "payload->>'level' = 'error'",
    "stream_key = 'where' and (payload->>'a') = '--'",
    'stream_index > 0',
  ])
    assert.deepEqual(
      (await store.readTail({ after: start, limit: 10, where })).events.map(e => e.payload),
      ['{"level":"error","a":"--"}'],
      where,
    )
  const none = await store.readTail({ after: start, limit: 10, where: 'false' })
  assert.deepEqual(none, { events: [], next: await store.lastEventId() })
  for (const where of [
    '1) or (1',
    '(select true)',
    'true -- x',
    'true;',
    'nosuch',
    '?',
    '$1',
    '',
    ' ',
    '1)union select(1',
    'true /* x */',
    "'a",
    '1',
    'pg_sleep(1) is null',
    'exists(table tokens)',
  ])
    await assert.rejects(store.readTail({ after: start, limit: 10, where }), { code: 'bad_query' }, where)
})
