import { type RecordBatch, Schema } from 'apache-arrow'
import { type DuckDb, identifier, literal } from '../../drivers/duckdb/duckdb.ts'
import { widened } from '../../drivers/lake/widen.ts'
import { batchOf } from '../../runtime/batch/build.ts'
import { byteLength, opsOf } from '../../runtime/batch/select.ts'
import { OP } from '../../runtime/batch/types.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { type Column, columnsOf } from './columns.ts'
import type { ParquetConfig } from './parquet.ts'
import type { Partition } from './partition.ts'

/** The rows that came and are not staged yet, each with its partition's values, in a table `pool` in memory. */
export interface Pool {
  readonly rows: number
  /** of the rows as they came */
  readonly bytes: number
  /** of the files, so far */
  readonly columns: readonly Column[]
  write(batch: RecordBatch): Promise<void>
  /** The partitions of its rows. To be called before the table is read. */
  counts(): Promise<{ values: (string | null)[]; rows: number }[]>
  /** Takes the rows of a partition out. */
  extract(values: readonly (string | null)[]): Promise<RecordBatch | undefined>
  /** Forgets its rows. */
  clear(): Promise<void>
  /** Forgets the columns, too. */
  reset(columns: readonly Column[]): Promise<void>
}

/** The column of a partition's values. */
export const keyColumn = (level: number): string => `_millrace_p${level}`

/** A text as SQL takes it: a statement ends at a zero byte. */
export const textSql = (text: string): string =>
  text.includes('\0') ? `(${text.split('\0').map(literal).join(' || chr(0) || ')})` : literal(text)

/** Whether a row is of a partition. */
export const isOf = (values: readonly (string | null)[]): string =>
  values.length === 0
    ? 'true'
    : values.map((value, at) => `${keyColumn(at)} ${value === null ? 'is null' : `= ${textSql(value)}`}`).join(' and ')

export function createPool(db: DuckDb, config: ParquetConfig, partitions: readonly Partition[]): Pool {
  let columns: Column[] = []
  let rows = 0
  let bytes = 0
  let intake: { shape: string; table: string; insert: string | undefined } | undefined
  /** rows in the table `incoming` */
  let incoming = 0

  async function clear(): Promise<void> {
    const list = [
      ...columns.map(({ name, sql }) => `${identifier(name)} ${sql}`),
      ...partitions.map((_, at) => `${keyColumn(at)} varchar`),
    ]
    await db.run(`create or replace table pool (${list.join(', ')})`)
    if (incoming > 0) await db.run('truncate incoming')
    incoming = 0
    rows = 0
    bytes = 0
  }

  /** Moves what came to the pool: at once, since many small inserts cost five times as much. */
  async function gather(): Promise<void> {
    if (incoming > 0) await db.run(`${intake!.insert}; truncate incoming`)
    incoming = 0
  }

  /** Takes the columns of a batch into those of the files. */
  async function adopt(given: readonly Column[]): Promise<void> {
    for (const column of given) {
      const at = columns.findIndex(({ name }) => name.toLowerCase() === column.name.toLowerCase())
      const known = columns[at]
      if (known === undefined) {
        refuseNew(column)
        columns.push(column)
        await db.run(`alter table pool add column ${identifier(column.name)} ${column.sql}`)
        continue
      }
      const wider = known.name === column.name ? widened(known.sql, column.sql) : undefined
      if (wider === undefined) throw changed(known, column)
      if (wider === known.sql) continue
      columns[at] = column
      await db.run(`alter table pool alter ${identifier(column.name)} type ${column.sql}`)
    }
  }

  function refuseNew({ name }: Column): void {
    if (config.schema_drift === 'fail')
      throw new PipelineError(
        'bad_data',
        `column ${JSON.stringify(name)} is new, and schema_drift is fail: start again to have it in new files, or set schema_drift: add`,
      )
    if (partitions.some(partition => partition.name.toLowerCase() === name.toLowerCase()))
      throw new PipelineError(
        'bad_data',
        `column ${JSON.stringify(name)} is new, and partition_by has that name: give one of them another name`,
      )
  }

  async function intakeOf(schema: Schema) {
    const given = columnsOf(schema)
    const shape = JSON.stringify([given, schema.fields.some(({ name }) => name === OP)])
    if (intake?.shape === shape) return intake
    await gather()
    const ops = config.keep_op && schema.fields.some(({ name }) => name === OP)
    await adopt(given)
    const fields = schema.fields.filter(({ name }) => name !== OP || ops)
    const sameAs = columns.length === given.length && columns.every(({ sql }, at) => sql === given[at]!.sql)
    // then there is nothing to be added to a row
    if (sameAs && partitions.length === 0) return (intake = { shape, table: 'pool', insert: undefined })
    await db.createTable('incoming', new Schema(fields), { json: 'text' })
    const lacks = columns.some(({ name }) => name !== OP && !given.some(column => column.name === name))
    const source = lacks ? '((from incoming) union all by name (from pool limit 0))' : 'incoming'
    const select = [
      ...columns.map(({ name }) =>
        name !== OP ? identifier(name) : ops ? `coalesce(${OP}, 'i') as ${OP}` : `'i' as ${OP}`,
      ),
      ...partitions.map(({ expression }, at) => `(${expression}\n)::varchar as ${keyColumn(at)}`),
    ]
    return (intake = {
      shape,
      table: 'incoming',
      insert: `insert into pool by name select ${select.join(', ')} from ${source}`,
    })
  }

  return {
    get rows() {
      return rows
    },
    get bytes() {
      return bytes
    },
    get columns() {
      return columns
    },
    clear,
    async reset(next) {
      columns = [...next]
      await clear()
      intake = undefined
    },
    async write(batch) {
      if (!config.keep_op) refuseChanges(batch)
      const { table, insert } = await intakeOf(batch.schema)
      await db.append(table, config.keep_op ? batch : withoutOp(batch))
      if (insert !== undefined) incoming += batch.numRows
      rows += batch.numRows
      bytes += byteLength(batch)
    },
    async extract(values) {
      const list = columns.map(({ name }) => identifier(name)).join(', ')
      const batch = await db.query(`select ${list} from pool where ${isOf(values)}`)
      await db.run(`delete from pool where ${isOf(values)}`)
      const taken = batch?.numRows ?? 0
      bytes -= (bytes * taken) / Math.max(1, rows)
      rows -= taken
      return batch
    },
    async counts() {
      if (rows === 0) return []
      await gather()
      if (partitions.length === 0) return [{ values: [], rows }]
      const keys = partitions.map((_, at) => keyColumn(at))
      const found = await db.rows(`select ${keys.join(', ')}, count(*) as rows from pool group by all`)
      return found.map(row => ({ values: keys.map(key => row[key] as string | null), rows: Number(row.rows) }))
    },
  }
}

function changed(known: Column, now: Column): PipelineError {
  const name = JSON.stringify(now.name)
  if (known.name !== now.name)
    return new PipelineError(
      'bad_data',
      `column ${name} is new, and readers of Parquet take it for ${JSON.stringify(known.name)}: rename it`,
    )
  return new PipelineError('bad_data', `column ${name} was ${known.sql}, and is ${now.sql} now: cast it to one type`)
}

/** Files are only added to: what a row was before stays there. */
function refuseChanges(batch: RecordBatch): void {
  if (!batch.schema.fields.some(({ name }) => name === OP)) return
  const op = opsOf(batch).find(op => op !== 'i')
  if (op === undefined) return
  throw new PipelineError(
    'bad_data',
    `there is ${op === 'd' ? 'a delete' : 'an update'}, and Parquet files are only added to: set keep_op: true to have a column ${OP}, or leave such rows out`,
  )
}

function withoutOp(batch: RecordBatch): RecordBatch {
  const kept = batch.schema.fields.flatMap(({ name }, at) => (name === OP ? [] : [at]))
  if (kept.length === batch.schema.fields.length) return batch
  return batchOf(
    new Schema(kept.map(at => batch.schema.fields[at]!)),
    kept.map(at => batch.data.children[at]!),
    batch.numRows,
  )
}
