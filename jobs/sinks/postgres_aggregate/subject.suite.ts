import assert from 'node:assert/strict'
import { service } from '../../../test/support/servers.ts'
import { teamKeys, teamsAfter } from '../../drivers/aggregate/teams.suite.ts'
import type { Subject } from '../../drivers/postgres-sink/exactly-once.suite.ts'
import { query } from '../../drivers/postgres-sink/harness.suite.ts'
import { type AggregateConfig, postgresAggregate } from './postgres_aggregate.ts'

const { skip, at } = service('postgres')

export const subject: Subject<AggregateConfig> = {
  definition: postgresAggregate,
  type: 'postgres_aggregate',
  server: { skip, url: at.POSTGRES },
  config: (schema, agg_table = 'teams') => ({ schema, landing_table: 'scores', agg_table, ...teamKeys }),
  async assertIs(schema, epoch, url = at.POSTGRES) {
    const [there] = await query(url, `select to_regclass('${schema}.teams') is not null as yes`)
    const rows = there!.yes
      ? await query(url, `select * from ${schema}.teams order by team collate "C" nulls first`)
      : []
    assert.deepEqual(rows, teamsAfter(epoch))
  },
}
