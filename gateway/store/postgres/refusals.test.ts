import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { openStore } from '../index.ts'
import { appendOf } from '../store.suite.ts'
import { createDatabase, stored } from './database.suite.ts'
import { schemaVersion } from './migrate.ts'
import { placeOf } from './place.ts'
import { openPostgres } from './postgres.ts'

/** What is told of a URL, a user or a database that no store can be opened with. */

const { skip, at } = service('postgres')

async function databaseFor(t: TestContext, settings?: string) {
  const database = await createDatabase(at.POSTGRES, settings)
  t.after(() => database.drop())
  return database
}

test('a database of a newer version, of something else, or not in UTF-8 is refused by name', { skip }, async t => {
  const database = await databaseFor(t)
  const { host } = new URL(database.url)
  await (await openPostgres({ url: database.url })).close()
  await database.sql(`comment on schema millrace is 'millrace store, version ${schemaVersion + 1}'`)
  const newer = new RegExp(
    `^postgres://${host}/store_\\w+ was written by a newer Millrace \\(schema version ${schemaVersion + 1}, this one knows ${schemaVersion}\\)`,
  )
  for (const role of ['owner', 'guest'] as const)
    await assert.rejects(openStore(database.url, { role }), { code: 'store_unavailable', message: newer })
  await database.sql('create schema theirs; create table theirs.events (a int)')
  await assert.rejects(openPostgres({ url: `${database.url}?schema=theirs` }), {
    code: 'store_unavailable',
    message: /the schema theirs of .* holds tables of something else: name another one as \?schema=NAME/,
  })
  const latin = await databaseFor(t, "encoding 'LATIN1' template template0")
  await assert.rejects(openPostgres({ url: latin.url }), {
    code: 'store_unavailable',
    message: /has the encoding LATIN1/,
  })
})

test('a user who may not use the schema is told what to grant, at the start and later', { skip }, async t => {
  const database = await createDatabase(at.POSTGRES)
  const who = `user_${new URL(database.url).pathname.slice(-8)}`
  await (await openPostgres({ url: database.url })).close()
  await database.sql(`create role ${who} login password 'x'`)
  t.after(async () => {
    await database.sql(`drop owned by ${who}; drop role ${who}`)
    await database.drop()
  })
  const own = new URL(database.url)
  own.username = who
  own.password = 'x'
  for (const role of ['owner', 'guest'] as const)
    await assert.rejects(openStore(own.href, { role }), {
      code: 'store_unavailable',
      message: new RegExp(`the user ${who} may not use the schema millrace: grant usage on schema millrace to ${who}`),
    })
  await database.sql(`grant usage on schema millrace to ${who}`)
  await assert.rejects(openStore(own.href), {
    message: /grant it the schema and its tables \(42501: permission denied for table writers\)/,
  })
  await database.sql(`grant all on all tables in schema millrace to ${who}`)
  await database.sql(`grant all on all sequences in schema millrace to ${who}`)
  const store = await openStore(own.href)
  stored(await store.append(appendOf('k', ['1'])))
  await database.sql(`revoke usage on schema millrace from ${who}`)
  await assert.rejects(store.append(appendOf('k', ['2'])), { message: /the user may not use the schema: grant it/ })
  await store.close()
})

test('parameters of the URL that the driver takes stay allowed', () => {
  const { url } = placeOf('postgres://h/d?sslmode=no-verify&application_name=a&lock_timeout=5&connect_timeout=3')
  assert.equal(url, 'postgres://h/d?sslmode=no-verify&application_name=a&lock_timeout=5&connect_timeout=3')
})

test('no failure shows the password', { skip }, async () => {
  const good = new URL(at.POSTGRES)
  const secret = 'hush-hush'
  const wrong = (change: (url: URL) => void) => {
    const url = new URL(good)
    url.password = secret
    change(url)
    return url.href
  }
  for (const [url, code, message] of [
    [wrong(() => {}), 'store_unavailable', /refuses the user or the password/],
    [wrong(url => (url.port = '1')), 'store_unavailable', /cannot be reached/],
    [wrong(url => (url.pathname = '/')), 'bad_request', /names no database/],
    [wrong(url => url.searchParams.set('schema', 'No Name')), 'bad_request', /schema "No Name"/],
    [
      wrong(url => url.searchParams.set('schem', 'x')),
      'bad_request',
      /the parameter "schem" .* did you mean schema\?$/,
    ],
    [
      wrong(url => url.searchParams.set('target', '9')),
      'bad_request',
      /the parameter "target" .* it knows schema, host, /,
    ],
    [`postgres://user:${secret}@[/db`, 'bad_request', /is no URL/],
    [`postgresql:${secret}`, 'bad_request', /names no/],
  ] as const)
    for (const role of ['owner', 'guest'] as const)
      await assert.rejects(openStore(url, { role }), (error: Error & { code: string }) => {
        assert.match(error.message, message)
        assert.equal(error.code, code)
        assert.ok(!`${error.stack} ${JSON.stringify(error)}`.includes(secret), error.message)
        return true
      })
  const missing = new URL(good)
  missing.pathname = '/nosuch'
  await assert.rejects(openStore(missing.href), {
    code: 'store_unavailable',
    message: /there is no such database: create it/,
  })
})
