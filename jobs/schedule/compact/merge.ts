import { type DuckDb, identifier, literal } from '../../drivers/duckdb/duckdb.ts'
import { type CopyOptions, copySql, groupRows, orderSql, readSql, type SortColumn } from '../../drivers/lake/copy.ts'
import { widened } from '../../drivers/lake/widen.ts'
import { PipelineError } from '../../runtime/errors.ts'

/** Name → SQL type, in order. */
export type Columns = ReadonlyMap<string, string>

export async function columnsOf(db: DuckDb, path: string): Promise<Columns> {
  const found = await db.rows(`describe select * from ${readSql([path])}`)
  return new Map(found.map(({ column_name, column_type }) => [String(column_name), String(column_type)]))
}

/** Columns that hold those of both; undefined where one would have to change its kind of type, or its name. */
export function joined(a: Columns, b: Columns): Columns | undefined {
  const all = new Map(a)
  const names = new Map([...a.keys()].map(name => [name.toLowerCase(), name]))
  for (const [name, type] of b) {
    const known = names.get(name.toLowerCase())
    if (known !== undefined && known !== name) return undefined
    const wider = known === undefined ? type : widened(a.get(name)!, type)
    if (wider === undefined) return undefined
    all.set(name, wider)
  }
  return all
}

export interface Merge {
  /** absolute */
  from: readonly string[]
  to: string
  columns: Columns
  sort: readonly SortColumn[]
  compression: CopyOptions['compression']
  /** looked at between statements */
  signal: AbortSignal
}

/** Writes the rows of all files to one; gives their number. Throws where what was written is not what was read. */
export async function mergeFiles(db: DuckDb, { from, to, columns, sort, compression, signal }: Merge): Promise<number> {
  const list = [...columns].map(([name, type]) => `cast(${identifier(name)} as ${type}) as ${identifier(name)}`)
  const select = (paths: readonly string[]) => `select ${list.join(', ')} from ${readSql(paths)}`
  const before = await digestOf(db, select(from))
  const order = orderSql(sort.filter(({ name }) => columns.has(name)))
  const rowBytes = await rowBytesOf(db, from, before.rows)
  signal.throwIfAborted()
  await db.run(copySql(select(from) + order, to, { compression, groupRows: groupRows(rowBytes) }))
  signal.throwIfAborted()
  const after = await digestOf(db, select([to]))
  if (after.rows === before.rows && after.digest === before.digest) return after.rows
  throw new PipelineError(
    'internal',
    `${from.length} files with ${before.rows} rows became one with ${after.rows} rows${after.rows === before.rows ? ', and others' : ''}: they are left as they are (${from[0]}, …)`,
  )
}

/** The sum of the rows' hashes, which no order changes. */
async function digestOf(db: DuckDb, select: string): Promise<{ rows: number; digest: string }> {
  const [found] = await db.rows(`select count(*) as rows, sum(hash(r))::varchar as digest from (${select}) as r`)
  return { rows: Number(found!.rows), digest: String(found!.digest) }
}

/** Bytes of a row in memory, about. */
async function rowBytesOf(db: DuckDb, paths: readonly string[], rows: number): Promise<number> {
  const list = paths.map(literal).join(', ')
  const [found] = await db.rows(`select sum(total_uncompressed_size)::double as bytes from parquet_metadata([${list}])`)
  return Number(found!.bytes) / Math.max(1, rows)
}
