import type { NodeContext, OffsetTable, Position, Source } from '../../runtime/contract.ts'
import { PipelineError, context as within } from '../../runtime/errors.ts'
import type { HybridConfig } from './hybrid.ts'

/** Opens a phase whose keys are checked. */
export interface Opener {
  open(context: NodeContext): Promise<Source>
  /** of a database */
  offsets: ((table: OffsetTable, context: NodeContext) => Promise<ReadonlyMap<number, bigint>>) | undefined
}

/** Where the unbounded source begins: at its start, or behind the rows of a topic that the bounded ones have. */
export async function handoverOf(
  { offset_table, unbounded_source }: HybridConfig,
  unbounded: Source,
  bounded: readonly Opener[],
  context: NodeContext,
): Promise<Position> {
  if (offset_table === undefined) return unbounded.start()
  const refused = (message: string) => new PipelineError('bad_pipeline', message, { path: ['offset_table'] })
  const { source_type, topic } = unbounded_source
  if (unbounded.startAfter === undefined)
    throw refused(`offset_table says where a topic goes on, and '${source_type}' is none: leave it out`)
  const database = bounded.findLast(({ offsets }) => offsets !== undefined)
  if (database === undefined)
    throw refused('offset_table is a table of a clickhouse or postgres source among bounded_sources, and there is none')
  const { topic_name, ...table } = offset_table
  const name = topic_name ?? String(topic)
  const topics = [...new Set([name, name.replaceAll('.', '_')])]
  const offsets = await database.offsets!({ ...table, topics }, context).catch(error => {
    throw at(['offset_table'], error)
  })
  if (offsets.size === 0)
    context.log.warn(
      `offset_table ${table.table_name} has no row of ${topics.join(' or ')}: the topic is read from its start_at, and rows that both have come twice`,
    )
  for (const [partition, offset] of offsets) {
    if (!Number.isSafeInteger(partition) || partition < 0)
      throw refused(
        `offset_table ${table.table_name} has a row of partition ${partition}, which no topic has: remove it, or name another partition_column`,
      )
    if (offset < 0n || offset >= BigInt(Number.MAX_SAFE_INTEGER))
      throw refused(
        `offset_table ${table.table_name} says ${offset} for partition ${partition}, which is no offset: remove the row, or name another offset_column`,
      )
  }
  const begin = await unbounded.startAfter(offsets)
  // a position has a key for each partition: with no offsets these are those of the topic
  const known = new Set(Object.keys(await unbounded.startAfter(new Map())))
  const unknown = Object.keys(begin).filter(key => !known.has(key))
  if (unknown.length > 0)
    throw refused(
      `offset_table ${table.table_name} has rows of ${unknown.join(', ')}, and the topic has no such partition: remove them, or name the rows of this topic by topic_name`,
    )
  return begin
}

/** The error, with its place in the configuration. */
export function at(path: readonly PropertyKey[], error: unknown): PipelineError {
  const { code, message, path: inner, retryAfter } = within(path.join(' '), error)
  return new PipelineError(code, message, { path: [...path, ...inner], retryAfter, cause: error })
}
