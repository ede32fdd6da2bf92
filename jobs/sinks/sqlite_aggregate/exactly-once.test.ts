import assert from 'node:assert/strict'
import { teamKeys, teamsAfter } from '../../drivers/aggregate/teams.suite.ts'
import { sqliteSinkSuite } from '../../drivers/sqlite-sink/exactly-once.suite.ts'
import { query } from '../../drivers/sqlite-sink/harness.suite.ts'
import { sqliteAggregate } from './sqlite_aggregate.ts'

sqliteSinkSuite({
  definition: sqliteAggregate,
  type: 'sqlite_aggregate',
  config: (path, agg_table = 'teams') => ({ path, landing_table: 'scores', agg_table, ...teamKeys }),
  assertIs(path, epoch) {
    const made = query(path, "select 1 from sqlite_schema where name = 'teams'").length > 0
    assert.deepEqual(made ? query(path, 'select * from teams order by team') : [], teamsAfter(epoch))
  },
})
