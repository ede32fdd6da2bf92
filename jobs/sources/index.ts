import type { SourceDefinition } from '../runtime/contract.ts'

type Kinds = Readonly<Record<string, () => Promise<SourceDefinition>>>

/** One line per kind; a definition loads what it needs in `open`. */
const simple: Kinds = {
  events: async () => (await import('./events/events.ts')).events,
  clickhouse: async () => (await import('./clickhouse/clickhouse.ts')).clickhouse,
  file: async () => (await import('./file/file.ts')).file,
  kafka: async () => (await import('./kafka/kafka.ts')).kafka,
  postgres: async () => (await import('./postgres/postgres.ts')).postgres,
}

export const sources: Kinds = {
  ...simple,
  hybrid: async () => (await import('./hybrid/hybrid.ts')).createHybrid(simple),
}
