import { type Field, DataType as Is } from 'apache-arrow'
import { columnType } from '../../drivers/clickhouse/types.ts'
import { nameOf, OP } from '../../runtime/batch/types.ts'
import type { Stream } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { ClickHouseSinkConfig } from './clickhouse.ts'

/** Columns that `append_only_mode` adds to rows. */
export const deletedColumn = 'is_deleted'
export const timeColumn = 'insert_time'

/** A column of the rows. */
export interface Column {
  name: string
  /** in the batches */
  at: number
  field: Field
  /** of a column that is made for it */
  type: string
}

/** What the rows are, apart from what a server says of the table. */
export interface Layout {
  columns: readonly Column[]
  key: readonly string[]
}

const wrong = (message: string, ...path: string[]) => new PipelineError('bad_pipeline', message, { path })

export async function checkConfig(config: ClickHouseSinkConfig, input: Stream): Promise<void> {
  layoutOf(config, input)
}

/** Throws for the mistakes that no server is needed to see. */
export function layoutOf(config: ClickHouseSinkConfig, input: Stream): Layout {
  const names = input.schema.fields.map(({ name }) => name).filter(name => name !== OP)
  const known = () => names.map(name => JSON.stringify(name)).join(', ')
  const key = config.primary_key.length > 0 ? config.primary_key : input.primaryKey
  if (key.length === 0)
    throw wrong('a clickhouse sink needs a primary_key: the table is ordered by it, and replaces by it', 'primary_key')
  for (const name of key)
    if (!names.includes(name))
      throw wrong(`there is no column ${JSON.stringify(name)}: the rows have ${known()}`, 'primary_key')
  const version = config.version_column_name
  if (version !== undefined && !names.includes(version))
    throw wrong(`there is no column ${JSON.stringify(version)}: the rows have ${known()}`, 'version_column_name')
  const fixed = new Set(version === undefined ? key : [...key, version])
  for (const [name, type] of Object.entries(config.schema_override)) {
    if (!names.includes(name))
      throw wrong(`there is no column ${JSON.stringify(name)}: the rows have ${known()}`, 'schema_override', name)
    if (type === null && fixed.has(name))
      throw wrong(
        `column ${JSON.stringify(name)} is of the primary key or the version, and cannot be left out`,
        'schema_override',
        name,
      )
  }
  const columns = input.schema.fields.flatMap((field, at) => {
    // a column may be called as what every object has
    const override = Object.hasOwn(config.schema_override, field.name) ? config.schema_override[field.name] : undefined
    if (field.name === OP || override === null) return []
    const type = override ?? typeFor(field, fixed.has(field.name))
    return [{ name: field.name, at, field, type }]
  })
  if (config.append_only_mode)
    for (const own of [deletedColumn, ...(version === undefined ? [timeColumn] : [])])
      if (names.includes(own))
        throw wrong(
          `the rows have a column ${own}, which append_only_mode writes itself: rename it, or set append_only_mode: false`,
          'append_only_mode',
        )
  return { columns, key }
}

function typeFor({ name, type, nullable }: Field, fixed: boolean): string {
  if (fixed && (Is.isList(type) || Is.isMap(type) || Is.isStruct(type)))
    throw wrong(
      `column ${JSON.stringify(name)} is ${nameOf(type)}, which cannot be of a key or a version`,
      'primary_key',
    )
  try {
    return columnType(type, nullable && !fixed)
  } catch (error) {
    throw wrong(`column ${JSON.stringify(name)}: ${(error as Error).message}`)
  }
}
