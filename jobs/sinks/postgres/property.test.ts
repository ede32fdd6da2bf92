import { randomBytes } from 'node:crypto'
import { service } from '../../../test/support/servers.ts'
import { execute, query, watchedAt } from '../../drivers/postgres-sink/harness.suite.ts'
import { upsertPropertySuite, upsertTypes } from '../../drivers/upsert/property.suite.ts'
import { streamOf } from '../../runtime/harness/sink.suite.ts'
import { postgres } from './postgres.ts'

const { skip, at } = service('postgres')
const url = at.POSTGRES

upsertPropertySuite({
  skip,
  runs: Number(process.env.MILLRACE_SINK_RUNS ?? 20),
  async place(nocase) {
    const schema = `millrace_${randomBytes(6).toString('hex')}`
    await execute(
      url,
      `create schema ${schema}; set search_path to ${schema};
       create collation nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
       create table t (id integer, part text${nocase ? ' collate nocase' : ''}, version bigint, note text, kept text default 'own', primary key (part, id))`,
    )
    const inSchema = (sql: string) => `set search_path to ${schema}; ${sql}`
    return {
      open: config =>
        postgres.open(
          postgres.config.parse({ from: 'rows', schema, ...config }),
          streamOf(upsertTypes),
          watchedAt(url),
        ),
      query: sql => query(url, inSchema(sql)),
      execute: sql => execute(url, inSchema(sql)),
      remove: () => execute(url, `drop schema ${schema} cascade`),
    }
  },
})
