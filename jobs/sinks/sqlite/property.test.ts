import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execute, query } from '../../drivers/sqlite-sink/harness.suite.ts'
import { upsertPropertySuite, upsertTypes } from '../../drivers/upsert/property.suite.ts'
import { watched } from '../../runtime/harness/context.suite.ts'
import { streamOf } from '../../runtime/harness/sink.suite.ts'
import { sqlite } from './sqlite.ts'

upsertPropertySuite({
  runs: 60,
  place(nocase) {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-sqlite-'))
    const path = join(folder, 'out.db')
    execute(
      path,
      `create table t (id integer, part text${nocase ? ' collate nocase' : ''}, version integer, note text, kept text default 'own', primary key (part, id))`,
    )
    return {
      open: config =>
        sqlite.open(sqlite.config.parse({ from: 'rows', path, ...config }), streamOf(upsertTypes), watched()),
      query: sql => query(path, sql),
      execute: sql => execute(path, sql),
      remove: () => rmSync(folder, { recursive: true, force: true }),
    }
  },
})
