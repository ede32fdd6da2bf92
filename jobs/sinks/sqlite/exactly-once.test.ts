import assert from 'node:assert/strict'
import { rowsAfter } from '../../drivers/sqlite-sink/epochs.suite.ts'
import { sqliteSinkSuite } from '../../drivers/sqlite-sink/exactly-once.suite.ts'
import { query } from '../../drivers/sqlite-sink/harness.suite.ts'
import { sqlite } from './sqlite.ts'

sqliteSinkSuite({
  definition: sqlite,
  type: 'sqlite',
  config: (path, table = 'scores') => ({ path, table, primary_key: 'id' }),
  assertIs(path, epoch) {
    const made = query(path, "select 1 from sqlite_schema where name = 'scores'").length > 0
    const rows = made ? query(path, 'select * from scores order by id') : []
    assert.deepEqual(
      rows,
      rowsAfter(epoch).map(({ id, team, points, weight }) => ({ id, team, points, weight })),
    )
  },
})
