import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { storeSuite } from '../store.suite.ts'
import { openSqlite } from './sqlite.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-'))
after(() => rmSync(folder, { recursive: true }))

storeSuite('sqlite', options => openSqlite({ path: join(folder, 'a.db'), ...options }), { sql: true })
