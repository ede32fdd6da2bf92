import type { Field, Schema } from 'apache-arrow'
import { type DuckDb, identifier, literal } from '../../../drivers/duckdb/duckdb.ts'
import { openDuckDb } from '../../../drivers/duckdb/instance.ts'
import { sqlTypeOf } from '../../../drivers/duckdb/types.ts'
import { nameOf, withOp } from '../../../runtime/batch/types.ts'
import { PipelineError, context as within } from '../../../runtime/errors.ts'
import { dataError } from '../errors.ts'
import type { FileReader, FormatOptions, OpenFormat } from '../formats.ts'
import { withOps } from '../ops.ts'
import type { FileProgress } from '../progress.ts'
import type { Check } from '../text/bytes.ts'
import { withTypes } from '../text/infer.ts'
import { footerOf } from './footer.ts'

/** How far a Parquet file was read: a number of rows. Their order in a file is fixed. */
interface ParquetProgress extends FileProgress {
  check: Check
}

/** Column by which DuckDB tells the number of a row. */
const rowNumber = 'file_row_number'

export async function openParquet(options: FormatOptions): Promise<OpenFormat> {
  const { samples, folder, config } = options
  const db = await openDuckDb({ allow: [folder] })
  try {
    const fields = await sampleFields(db, samples)
    const schema = withOp(withTypes(fields, config.schema))
    return { schema, open: createOpener(db, schema, options), close: () => db.close() }
  } catch (error) {
    db.close()
    throw error
  }
}

/** Columns of all samples. */
async function sampleFields(db: DuckDb, samples: FormatOptions['samples']): Promise<Field[]> {
  const whole: string[] = []
  for (const { path, name } of samples) if ((await footerOf(path, name)) !== undefined) whole.push(path)
  if (whole.length === 0) return []
  const paths = whole.map(literal).join(', ')
  return (await db.schemaOf(`select * from read_parquet([${paths}], union_by_name = true)`)).fields
}

function createOpener(db: DuckDb, schema: Schema, options: FormatOptions): OpenFormat['open'] {
  const { context, capacity, config } = options
  const told = new Set<string>()

  /** The columns of the schema from those that the file has. */
  async function selectOf(path: string, from: number, to: number, total: number): Promise<string> {
    const own = new Map(
      (await db.schemaOf(`select * from read_parquet(${literal(path)})`)).fields.map(f => [f.name, f]),
    )
    for (const column of own.keys()) {
      if (told.has(column) || schema.fields.some(field => field.name === column)) continue
      told.add(column)
      context.log.warn(
        `column ${JSON.stringify(column)} is left out: it is not in the schema. Name it in \`schema\` to have it`,
      )
    }
    const list = schema.fields.map(field => {
      const column = identifier(field.name)
      const known = own.get(field.name)
      if (known === undefined) return `null::${sqlTypeOf(field.type)} as ${column}`
      return nameOf(known.type) === nameOf(field.type)
        ? column
        : `cast(${column} as ${sqlTypeOf(field.type)}) as ${column}`
    })
    const table = `read_parquet(${literal(path)})`
    if (from === 0 && to === total) return `select ${list.join(', ')} from ${table}`
    // the number of a row leaves out parts of the file; a column of that name hides it
    return own.has(rowNumber)
      ? `select ${list.join(', ')} from ${table} limit ${to - from} offset ${from}`
      : `select ${list.join(', ')} from ${table} where ${rowNumber} >= ${from} and ${rowNumber} < ${to}`
  }

  /** A file that does not end as one, perhaps because it is still being written. */
  function notWhole(name: string): FileReader {
    if (config.mode.type === 'bounded')
      throw dataError(name, 'does not end as a Parquet file does: it is cut off, or none')
    context.log.warn(`${name} does not end as a Parquet file does: it is read once it changes`)
    return { next: async () => ({ done: true, progress: undefined }), close: async () => {} }
  }

  return async ({ name, path }, before, until) => {
    const [from, to] = [before, until] as (ParquetProgress | undefined)[]
    const check = await footerOf(path, name)
    for (const known of [from, to])
      if (known !== undefined && String(known.check) !== String(check))
        throw dataError(name, `is not the file of which ${known.at} rows were read: it was replaced`)
    if (check === undefined) return notWhole(name)
    let at = from?.at ?? 0
    const total = await tried(name, () => rowCount(db, path))
    const end = to?.at ?? total
    const select = await tried(name, () => selectOf(path, at, end, total))
    const batches = db.stream(select, { rows: capacity, signal: context.signal })[Symbol.asyncIterator]()
    return {
      next: () =>
        tried(name, async () => {
          if (at >= end) return { done: true, progress: { at, check } }
          const { value: batch, done } = await batches.next()
          if (done) throw new PipelineError('bad_data', `has ${at} rows instead of ${end}`)
          const first = at
          at += batch.numRows
          const whole = withOps(schema, batch, (row, why, values) =>
            context.dead({ code: 'bad_row', message: `row ${first + row + 1} of ${name}: ${why}`, row: values }),
          )
          return { done: at >= end, progress: { at, check }, batch: whole }
        }),
      close: async () => void (await batches.return?.(undefined)),
    }
  }
}

async function rowCount(db: DuckDb, path: string): Promise<number> {
  const [row] = await db.rows(`select num_rows as rows from parquet_file_metadata(${literal(path)})`)
  return Number(row!.rows)
}

async function tried<T>(name: string, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt()
  } catch (error) {
    throw error instanceof PipelineError ? within(name, error) : error
  }
}
