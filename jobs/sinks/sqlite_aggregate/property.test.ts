import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { aggregatePropertySuite } from '../../drivers/aggregate/property.suite.ts'
import { execute, query } from '../../drivers/sqlite-sink/harness.suite.ts'
import { watched } from '../../runtime/harness/context.suite.ts'
import { sqliteAggregate } from './sqlite_aggregate.ts'

aggregatePropertySuite({
  runs: 60,
  place() {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-sqlite-'))
    const path = join(folder, 'out.db')
    return {
      open: (config, input) =>
        sqliteAggregate.open(sqliteAggregate.config.parse({ from: 'rows', path, ...config }), input, watched()),
      results: () => query(path, 'select * from results'),
      dropResults: () => execute(path, 'drop table results'),
      remove: () => rmSync(folder, { recursive: true, force: true }),
    }
  },
  time: text => `${text.includes('.') ? text : `${text}.`}`.padEnd(26, '0'),
})
