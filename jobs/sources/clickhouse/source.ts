import { openClickHouse } from '../../drivers/clickhouse/client.ts'
import { type Description, describeTable, isReplacing, unquoted } from '../../drivers/clickhouse/describe.ts'
import { showTable, tableName } from '../../drivers/clickhouse/names.ts'
import { parseType, readableType } from '../../drivers/clickhouse/types.ts'
import type { NodeContext, Source } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { ClickHouseSourceConfig } from './clickhouse.ts'
import { notNaN, sortKeyOf, textOf } from './key.ts'
import { createPages } from './page.ts'
import { idOf, type Place, placeOf, positionOf } from './position.ts'
import { createReader, type Limits } from './reader.ts'

/** Rows of a batch at most. */
const mostRows = 65_536

export async function openClickHouseSource(config: ClickHouseSourceConfig, context: NodeContext): Promise<Source> {
  const { clickhouse_source: settings, record_batch_size: batchSize } = context.settings
  const timeout = settings.query_timeout_sec * 1000
  const server = openClickHouse({ server: settings, timeout, signal: context.signal })
  const ask = <T>(what: string, attempt: () => Promise<T>) => context.retry(`${what} ${config.table_name}`, attempt)
  try {
    const name = tableName(config.table_name, settings.database)
    const table = await ask('describe', () => describeTable(server, name))
    if (table === undefined)
      throw new PipelineError('bad_pipeline', `there is no table ${showTable(name)}`, { path: ['table_name'] })
    const key = await ask('describe the sort key of', () => sortKeyOf(server, table))
    const columns = choose(table, config.columns)
    const pages = createPages(server, { table, key, columns, filter: config.filter })
    const schema = await ask('describe the columns of', () => pages.schema({})).catch(error => {
      throw config.filter === undefined ? error : withFilter(error)
    })
    if (await ask('look for NaN in the sort key of', () => pages.hasNaN({})))
      throw new PipelineError(
        'bad_pipeline',
        `table ${showTable(name)} has rows whose sort key is NaN, which cannot be read in pages: leave them out with a filter such as ${notNaN(key.parts).join(' AND ')}`,
        { path: ['table_name'] },
      )
    const last = await ask('find the end of', () => pages.last({}))
    const batchRows = Math.min(mostRows, batchSize ?? mostRows)
    const limits: Limits = {
      pageRows: settings.page_size,
      batchRows,
      range: settings.block_range ?? settings.sort_key_range,
      timeout,
    }
    const declared = isReplacing(table) ? table.sortingKey.map(unquoted) : []
    const hasKey = declared.length > 0 && declared.every(column => columns.includes(column))
    const id = identity(table)
    const start: Place = config.start_at === undefined ? {} : { from: [textOf(key.parts[0]!, config.start_at)] }
    return {
      schema,
      ...(hasKey && { primaryKey: declared }),
      bounded: true,
      start: async () => positionOf(config.table_name, start, id),
      read(from, to) {
        const place = placeOf(config.table_name, from, key.parts.length, id)
        const end = to === undefined ? (last ?? place) : placeOf(config.table_name, to, key.parts.length, id)
        return createReader({
          context,
          pages,
          schema,
          table: config.table_name,
          // an epoch is read again up to the very position that was kept
          id: to === undefined || idOf(config.table_name, to) !== undefined ? id : undefined,
          from: place,
          end,
          exact: to !== undefined,
          limits,
        })
      },
      close: () => server.close(),
    }
  } catch (error) {
    await server.close()
    throw error
  }
}

/** Of this table and no later one of its name; replicas have one each, and some databases give none. */
const identity = ({ engine, uuid }: Description): string | undefined =>
  /^(Replicated|Shared)/.test(engine) || /^[0-]*$/.test(uuid) ? undefined : uuid

/** The columns that are asked for, or all that have a value of their own. */
function choose({ name, columns }: Description, wanted: readonly string[]): readonly string[] {
  const refuse = (message: string) =>
    new PipelineError('bad_pipeline', `table ${showTable(name)}: ${message}`, { path: ['columns'] })
  for (const [at, column] of wanted.entries()) {
    if (wanted.indexOf(column) !== at) throw refuse(`the column ${column} is named twice`)
    if (!columns.some(known => known.name === column))
      throw refuse(
        `there is no column ${JSON.stringify(column)}: there are ${columns.map(known => known.name).join(', ')}`,
      )
  }
  const chosen =
    wanted.length > 0
      ? wanted
      : columns.filter(({ kind }) => kind === '' || kind === 'DEFAULT').map(column => column.name)
  for (const column of chosen) {
    try {
      readableType(parseType(columns.find(known => known.name === column)!.type))
    } catch (error) {
      throw refuse(`column ${JSON.stringify(column)}: ${(error as Error).message}`)
    }
  }
  return chosen
}

function withFilter(error: unknown): unknown {
  if (!(error instanceof PipelineError) || error.retryable) return error
  return new PipelineError('bad_pipeline', `filter: ${error.message}`, { path: ['filter'], cause: error })
}
