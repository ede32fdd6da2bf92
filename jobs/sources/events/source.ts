import { Field, Schema } from 'apache-arrow'
import { typeOf } from '../../runtime/batch/types.ts'
import type { NodeContext, Source } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { EventsConfig } from './events.ts'
import { placeOf, positionOf } from './position.ts'
import { createReader } from './reader.ts'
import { type Look, openEventStore } from './stores.ts'
import { arrowTypes, type Column, idOf, type Table, tableOf } from './tables.ts'

/** Rows of a page at most. */
const mostRows = 65_536

export async function openEvents(config: EventsConfig, context: NodeContext): Promise<Source> {
  const name = config.table
  const bounded = config.mode.type === 'bounded' || context.jobMode
  const store = await openEventStore(config.store, !bounded, context)
  try {
    const there = await store.look({ name, id: idOf(name) })
    const table = tableOf(name, there.columns)
    const columns = choose(table, name, config.columns)
    const schema = schemaOf(columns)
    const { read, filter } = await filtered(config.filter, table, columns)
    const rows = Math.min(mostRows, context.settings.record_batch_size ?? mostRows)
    const feedOf = store.prepare({ name, table, columns: read, rows }, schemaOf(read))

    return {
      schema,
      ...(columns.some(column => column.name === table.id) && { primaryKey: [table.id] }),
      bounded,
      start: async () => positionOf(name, { id: startOf(config, there, store.name), receivedAt: undefined }),
      read(from, to) {
        const end = to === undefined ? undefined : placeOf(name, to)
        return createReader({
          context,
          feedOf,
          filter,
          schema,
          table: name,
          from: placeOf(name, from),
          to: end,
          end: end?.id ?? (bounded ? there.last : undefined),
        })
      },
      async close() {
        await store.close()
        await filter?.close()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** What must be read beside the columns that are handed on; DuckDB is loaded only for a filter. */
async function filtered(predicate: string | undefined, table: Table, columns: readonly Column[]) {
  if (predicate === undefined) return { read: columns, filter: undefined }
  const { createFilter, namesIn } = await import('./filter.ts')
  const named = namesIn(predicate)
  const unread = table.columns.filter(column => named.has(column.name.toLowerCase()) && !columns.includes(column))
  const read = [...columns, ...unread]
  const schemas = { read: schemaOf(read), given: schemaOf(columns), all: schemaOf(table.columns) }
  return { read, filter: await createFilter(predicate, schemas) }
}

const schemaOf = (columns: readonly Column[]) =>
  new Schema(columns.map(({ name, kind, nullable }) => new Field(name, typeOf(arrowTypes[kind]), nullable)))

function choose(table: Table, name: string, wanted: readonly string[]): readonly Column[] {
  if (wanted.length === 0) return table.columns
  return wanted.map((column, at) => {
    const found = table.columns.find(candidate => candidate.name === column)
    if (found !== undefined && wanted.indexOf(column) === at) return found
    const why =
      found === undefined
        ? `the table ${name} has no column ${JSON.stringify(column)}: it has ${table.columns.map(known => known.name).join(', ')}`
        : `the column ${column} is named twice`
    throw new PipelineError('bad_pipeline', why, { path: ['columns'] })
  })
}

function startOf({ start_at, table }: EventsConfig, { last, given }: Look, store: string): number {
  if (start_at === 'earliest') return 0
  if (start_at === 'latest') return last
  if (start_at <= given) return start_at
  throw new PipelineError(
    'bad_pipeline',
    `start_at is ${start_at}, but the last row that the table ${table} of ${store} was ever given is ${given}`,
    { path: ['start_at'] },
  )
}
