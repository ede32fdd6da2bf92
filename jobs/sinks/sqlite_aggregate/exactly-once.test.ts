import assert from 'node:assert/strict'
import { type EpochRow, rowsAfter } from '../../drivers/sqlite-sink/epochs.suite.ts'
import { sqliteSinkSuite } from '../../drivers/sqlite-sink/exactly-once.suite.ts'
import { query } from '../../drivers/sqlite-sink/harness.suite.ts'
import { sqliteAggregate } from './sqlite_aggregate.ts'

sqliteSinkSuite({
  definition: sqliteAggregate,
  type: 'sqlite_aggregate',
  config: (path, table = 'teams') => ({
    path,
    landing_table: 'scores',
    agg_table: table,
    primary_key: 'id',
    group_by: { team: {} },
    aggregate: {
      members: { fn: 'count' },
      total: { from: 'points', fn: 'sum' },
      heaviest: { from: 'weight', fn: 'max' },
      mean: { from: 'weight', fn: 'avg' },
    },
  }),
  assertIs(path, epoch) {
    const made = query(path, "select 1 from sqlite_schema where name = 'teams'").length > 0
    assert.deepEqual(made ? query(path, 'select * from teams order by team') : [], teamsOf(rowsAfter(epoch)))
  },
})

function teamsOf(rows: readonly EpochRow[]) {
  const teams = new Map<string | null, EpochRow[]>()
  for (const row of rows) teams.set(row.team, [...(teams.get(row.team) ?? []), row])
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
  return [...teams]
    .map(([team, members]) => {
      const points = members.map(member => member.points).filter(number => number !== null)
      const weights = members.map(member => member.weight)
      return {
        team,
        members: members.length,
        total: points.length === 0 ? null : sum(points),
        heaviest: Math.max(...weights),
        mean_sum: sum(weights),
        mean_count: weights.length,
      }
    })
    .sort((a, b) => (a.team === null ? -1 : b.team === null ? 1 : a.team < b.team ? -1 : 1))
}
