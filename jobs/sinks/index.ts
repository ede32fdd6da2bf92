import type { SinkDefinition } from '../runtime/contract.ts'

/** One line per kind; a definition loads what it needs in `check` and `open`. */
export const sinks: Readonly<Record<string, () => Promise<SinkDefinition>>> = {
  print: async () => (await import('./print/print.ts')).print,
  blackhole: async () => (await import('./blackhole/blackhole.ts')).blackhole,
  clickhouse: async () => (await import('./clickhouse/clickhouse.ts')).clickhouse,
  webhook: async () => (await import('./webhook/webhook.ts')).webhook,
  parquet: async () => (await import('./parquet/parquet.ts')).parquet,
  postgres: async () => (await import('./postgres/postgres.ts')).postgres,
  postgres_aggregate: async () => (await import('./postgres_aggregate/postgres_aggregate.ts')).postgresAggregate,
  sqlite: async () => (await import('./sqlite/sqlite.ts')).sqlite,
  sqlite_aggregate: async () => (await import('./sqlite_aggregate/sqlite_aggregate.ts')).sqliteAggregate,
  kafka: async () => (await import('./kafka/kafka.ts')).kafka,
}
