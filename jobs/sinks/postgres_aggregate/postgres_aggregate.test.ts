import { service } from '../../../test/support/servers.ts'
import { resultsSuite } from '../../drivers/aggregate/results.suite.ts'
import { execute, open, query, tempSchema } from '../../drivers/postgres-sink/harness.suite.ts'
import { postgresAggregate } from './postgres_aggregate.ts'

const { skip, at } = service('postgres')
const url = at.POSTGRES

resultsSuite({
  skip,
  place: t => tempSchema(t, url),
  open: (t, schema, config, input) => open(t, url, postgresAggregate, { schema, ...config }, input),
  rows: (schema, table) => query(url, `select * from ${schema}."${table.replaceAll('"', '""')}"`),
  execute: (schema, sql) => execute(url, `set search_path to ${schema}; ${sql}`),
  time: text => text,
  truth: value => value,
  noNumber: Number.NaN,
  misfit: text => `invalid input syntax for type bigint: "${text}"`,
})
