import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { storeSuite } from '../store.suite.ts'
import { openSqlite } from './sqlite.ts'

storeSuite('sqlite', () => openSqlite({ path: join(mkdtempSync(join(tmpdir(), 'millrace-')), 'a.db') }), { sql: true })
