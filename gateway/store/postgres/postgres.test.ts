import { after, before, test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { storeSuite } from '../store.suite.ts'
import { createDatabase, type TestDatabase } from './database.suite.ts'
import { openPostgres } from './postgres.ts'

const { skip, at } = service('postgres')
let database: TestDatabase
before(async () => {
  if (!skip) database = await createDatabase(at.POSTGRES)
})
after(() => database?.drop())

if (skip) test('store postgres:', { skip }, () => {})
else storeSuite('postgres:', options => openPostgres({ url: database.url, ...options }), { sql: 'own' })
