import type { ClickHouse } from '../../drivers/clickhouse/client.ts'
import {
  type ChColumn,
  type Description,
  describeTable,
  isReplacing,
  unquoted,
} from '../../drivers/clickhouse/describe.ts'
import { literal, quote, quoteTable, showTable, type TableName } from '../../drivers/clickhouse/names.ts'
import { columnType, isNullable, parseType } from '../../drivers/clickhouse/types.ts'
import { nameOf } from '../../runtime/batch/types.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { ClickHouseSinkConfig } from './clickhouse.ts'
import { bare, fitOf } from './fit.ts'
import { type Column, deletedColumn, type Layout, timeColumn } from './layout.ts'
import { type Window, windowOf } from './window.ts'

/** What the sink needs to know of its table. */
export interface Table extends Pick<Description, 'name' | 'uuid' | 'engine' | 'args' | 'sortingKey'> {
  columns: ReadonlyMap<string, { type: string; computed: boolean }>
  window: Window
}

export async function readTable(server: ClickHouse, name: TableName): Promise<Table | undefined> {
  const found = await describeTable(server, name)
  if (found === undefined) return undefined
  const { uuid, engine, engineFull, args, sortingKey, columns } = found
  const defaults = await server.rows<{ name: string; value: string }>(
    "SELECT name, value FROM system.merge_tree_settings WHERE name LIKE '%replicated_deduplication_window%'",
  )
  return {
    name,
    uuid,
    engine,
    args,
    sortingKey: sortingKey.map(unquoted),
    columns: byName(columns),
    window: windowOf(engine, engineFull, new Map(defaults.map(({ name, value }) => [name, value]))),
  }
}

const byName = (columns: readonly ChColumn[]): Table['columns'] =>
  new Map(columns.map(({ name, type, kind }) => [name, { type, computed: /^(MATERIALIZED|ALIAS)$/.test(kind) }]))

/** The columns alone, as they are now; none: there is no such table. */
export async function readColumns(server: ClickHouse, { database, table }: TableName): Promise<Table['columns']> {
  const columns = await server.rows<ChColumn>(
    'SELECT name, type, default_kind AS kind FROM system.columns WHERE database = {database:String} AND table = {table:String}',
    { params: { database, table } },
  )
  return byName(columns)
}

/** Blocks of which a new table knows the tokens. */
const ownWindow = 10_000

export function createSql(name: TableName, config: ClickHouseSinkConfig, { columns, key }: Layout): string {
  const { append_only_mode: marks, version_column_name: version } = config
  const lines = columns.map(column => `${quote(column.name)} ${column.type}`)
  if (marks) lines.push(`${quote(deletedColumn)} UInt8`)
  if (marks && version === undefined) lines.push(`${quote(timeColumn)} DateTime64(6, 'UTC')`)
  const args = [version ?? (marks ? timeColumn : undefined), marks ? deletedColumn : undefined]
  return `CREATE TABLE IF NOT EXISTS ${quoteTable(name)} (${lines.join(', ')}) ENGINE = ReplacingMergeTree(${args
    .filter(arg => arg !== undefined)
    .map(quote)
    .join(', ')}) ORDER BY (${key.map(quote).join(', ')}) SETTINGS non_replicated_deduplication_window = ${ownWindow}`
}

/** A column that comes up later has no value in the rows that are there. */
export function addSql({ name }: Table, columns: readonly Column[]): string {
  const parts = columns.map(
    ({ name, type }) =>
      `ADD COLUMN IF NOT EXISTS ${quote(name)} ${isNullable(type) || /^(Array|Map|Tuple)\(/.test(type) ? type : `Nullable(${type})`}`,
  )
  return `ALTER TABLE ${quoteTable(name)} ${parts.join(', ')}`
}

export const missingColumns = (table: Table, { columns }: Layout): Column[] =>
  columns.filter(({ name }) => !table.columns.has(name))

/** The mistakes that only the table shows; all of them. */
export function faultsOf(table: Table, config: ClickHouseSinkConfig, layout: Layout): PipelineError[] {
  const shown = showTable(table.name)
  const faults: PipelineError[] = []
  const wrong = (message: string, ...path: string[]) =>
    faults.push(new PipelineError('bad_pipeline', message, { path }))
  const missing = missingColumns(table, layout).map(({ name }) => JSON.stringify(name))
  if (!/MergeTree$/.test(table.engine))
    wrong(`table ${shown} is of the engine ${table.engine}: name a table of the MergeTree family`, 'table')
  if (missing.length > 0 && config.schema_drift === 'fail')
    wrong(
      `table ${shown} has no column ${missing.join(', ')}, and schema_drift is fail: add what is missing, or set schema_drift: add`,
      'schema_drift',
    )
  for (const { name } of layout.columns)
    if (table.columns.get(name)?.computed)
      wrong(`column ${JSON.stringify(name)} is computed by table ${shown}: leave it out of the rows`)
  for (const { name, field } of layout.columns) {
    const found = table.columns.get(name)
    if (found !== undefined && fitOf(field.type, found.type) === undefined)
      wrong(
        `column ${JSON.stringify(name)} of table ${shown} is ${found.type}, and the rows have ${nameOf(field.type)}, which the server would change: cast it, or declare the column ${columnType(field.type, field.nullable)}`,
      )
  }
  for (const name of layout.key)
    if (!table.columns.has(name))
      wrong(`table ${shown} has no column ${JSON.stringify(name)} of the primary key`, 'primary_key')
  for (const name of config.append_only_mode ? [] : layout.key)
    if (/^(JSON|Object)$/.test(bare(parseType(table.columns.get(name)?.type ?? '')).name))
      wrong(
        `column ${JSON.stringify(name)} of the primary key is JSON in table ${shown}, which the server does not compare, so that nothing can be deleted by it: name another column, or set append_only_mode: true`,
        'primary_key',
      )
  if (config.append_only_mode && deletedOf(table) === undefined)
    wrong(
      `append_only_mode writes deletes as rows with ${deletedColumn} = 1, and table ${shown} has no such column: ALTER TABLE ${shown} ADD COLUMN ${deletedColumn} UInt8, or set append_only_mode: false`,
      'append_only_mode',
    )
  if (config.guarantee === 'exactly_once' && table.window.blocks === 0)
    wrong(noWindow(shown, table.window), 'guarantee')
  return faults
}

const noWindow = (shown: string, { setting }: Window): string =>
  `table ${shown} has no deduplication window, so that an insert that is repeated after a crash would double its rows: ALTER TABLE ${shown} MODIFY SETTING ${setting} = ${ownWindow}, or set guarantee: at_least_once`

/** What is odd about the table, and no mistake. */
export function warningsOf(table: Table, config: ClickHouseSinkConfig, { key }: Layout): string[] {
  const shown = showTable(table.name)
  const warnings: string[] = []
  if (!isReplacing(table))
    warnings.push(
      `table ${shown} is a ${table.engine}, which keeps every row: updates do not replace the row of their key`,
    )
  else if (table.sortingKey.length !== key.length || !key.every(name => table.sortingKey.includes(name)))
    warnings.push(
      `table ${shown} replaces rows by its sorting key (${table.sortingKey.join(', ')}), and primary_key is (${key.join(', ')})`,
    )
  const [version] = table.args
  const wanted = config.version_column_name
  if (wanted !== undefined && isReplacing(table) && version !== wanted)
    warnings.push(`version_column_name is ${wanted}, and table ${shown} goes by ${version ?? 'the row that came last'}`)
  return warnings
}

/** The column that marks deletes, and the one of the version that the sink fills. */
export const deletedOf = (table: Table): string | undefined =>
  (isReplacing(table) ? table.args[1] : undefined) ?? (table.columns.has(deletedColumn) ? deletedColumn : undefined)

export function versionOf(table: Table, layout: Layout): string | undefined {
  const name =
    (isReplacing(table) ? table.args[0] : undefined) ?? (table.columns.has(timeColumn) ? timeColumn : undefined)
  return name === undefined || layout.columns.some(column => column.name === name) ? undefined : name
}

/**
 * Blocks that the table was given so far, at least. A plain table numbers them through, a replicated one in each
 * partition; mutations take numbers, too.
 */
export async function blocksOf(server: ClickHouse, { name, engine }: Table): Promise<number> {
  const of = /^(Replicated|Shared)/.test(engine) ? 'sum' : 'max'
  const [found] = await server.rows<{ blocks: string }>(
    `SELECT ${of}(high) AS blocks FROM (SELECT max(max_block_number) AS high FROM system.parts WHERE database = ${literal(name.database)} AND table = ${literal(name.table)} GROUP BY partition_id)`,
  )
  return Number(found?.blocks ?? 0)
}
