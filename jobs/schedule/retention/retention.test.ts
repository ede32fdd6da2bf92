import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { storeNameOf } from '../store.ts'
import { run } from './harness.suite.ts'

const force = 'table: events, force: true'

test('a kind of store that holds nothing beside its gateway is refused by name, without its password', async () => {
  for (const url of ['memory:', 'kafka://u:secret@h/t', 'nothing'])
    await assert.rejects(run({ keys: force, url }), (error: Error & { code: string }) => {
      assert.equal(error.code, 'bad_pipeline')
      assert.match(error.message, /jobs know no store .*: name one as sqlite:PATH or postgres:\/\/USER/)
      return !error.message.includes('secret')
    })
})

test('a URL of a Postgres store that cannot be one is refused before anything is asked', async t => {
  const cases: [string, RegExp][] = [
    ['postgres://u:secret@h', /names no database/],
    ['postgres://u:secret@h/d?schema=A-B', /has the schema "A-B"/],
    ['postgres://u:secret@h/d?pool=7', /has the parameter pool/],
  ]
  for (const [url, message] of cases)
    await assert.rejects(run({ keys: force, url }), (error: Error & { code: string }) => {
      assert.equal(error.code, 'bad_pipeline')
      assert.match(error.message, message)
      return !error.message.includes('secret')
    })
  const file = join(tempFolder(t), 'lake.yaml')
  writeFileSync(file, 'sources: { in: { type: events } }\n')
  await assert.rejects(
    run({ keys: `table: events, exported_by: "${file}"`, url: 'postgres://u:secret@h/d' }),
    (error: Error) => {
      assert.match(error.message, /over the table events of postgres:\/\/h\/d: .* the same host, port, database/)
      return !error.message.includes('secret')
    },
  )
})

test('a Postgres store is the same under every user, password, spelling of its host and default', () => {
  const id = (url: string) => storeNameOf(url).id
  const same = [
    'postgres://a:b@Host/d',
    'postgresql://c@host:5432/d?schema=millrace',
    'postgres://host/d?sslmode=disable',
  ]
  assert.equal(new Set(same.map(id)).size, 1)
  const other = [
    'postgres://host:5433/d',
    'postgres://host/e',
    'postgres://host/d?schema=s',
    'postgres://h2/d',
    'sqlite:d',
  ]
  assert.equal(new Set([...same, ...other].map(id)).size, 1 + other.length)
})
