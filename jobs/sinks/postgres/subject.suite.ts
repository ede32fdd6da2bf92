import assert from 'node:assert/strict'
import { service } from '../../../test/support/servers.ts'
import type { Subject } from '../../drivers/postgres-sink/exactly-once.suite.ts'
import { query } from '../../drivers/postgres-sink/harness.suite.ts'
import { rowsAfter } from '../../drivers/sqlite-sink/epochs.suite.ts'
import { type PostgresConfig, postgres } from './postgres.ts'

const { skip, at } = service('postgres')

export const subject: Subject<PostgresConfig> = {
  definition: postgres,
  type: 'postgres',
  server: { skip, url: at.POSTGRES },
  config: (schema, table = 'scores') => ({ schema, table, primary_key: 'id' }),
  async assertIs(schema, epoch, url = at.POSTGRES) {
    const [there] = await query(url, `select to_regclass('${schema}.scores') is not null as yes`)
    const rows = there!.yes ? await query(url, `select * from ${schema}.scores order by id`) : []
    assert.deepEqual(
      rows,
      rowsAfter(epoch).map(({ id, team, points, weight }) => ({ id, team, points, weight })),
    )
  },
}
