import { randomBytes } from 'node:crypto'
import { service } from '../../../test/support/servers.ts'
import { aggregatePropertySuite } from '../../drivers/aggregate/property.suite.ts'
import { execute, query, watchedAt } from '../../drivers/postgres-sink/harness.suite.ts'
import { postgresAggregate } from './postgres_aggregate.ts'

const { skip, at } = service('postgres')
const url = at.POSTGRES

aggregatePropertySuite({
  skip,
  runs: Number(process.env.MILLRACE_SINK_RUNS ?? 15),
  place() {
    const schema = `millrace_${randomBytes(6).toString('hex')}`
    return {
      open: (config, input) =>
        postgresAggregate.open(
          postgresAggregate.config.parse({ from: 'rows', schema, ...config }),
          input,
          watchedAt(url),
        ),
      results: () => query(url, `select * from ${schema}.results`),
      dropResults: () => execute(url, `drop table ${schema}.results`),
      remove: () => execute(url, `drop schema if exists ${schema} cascade`),
    }
  },
  time: text => text,
})
