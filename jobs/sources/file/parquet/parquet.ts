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
import { type Locals, openLocals } from './local.ts'

/** How far a Parquet file was read: a number of rows. Their order in a file is fixed. */
interface ParquetProgress extends FileProgress {
  check: Check
}

/** Column by which DuckDB tells the number of a row. */
const rowNumber = 'file_row_number'

export async function openParquet(options: FormatOptions): Promise<OpenFormat> {
  const { samples, place, config } = options
  const locals = await openLocals(place.watched !== undefined)
  const db = await openDuckDb({ allow: [...place.allow, ...locals.allow] })
  try {
    const fields = await sampleFields(db, locals, samples)
    const schema = withOp(withTypes(fields, config.schema))
    const close = async () => {
      db.close()
      await locals.close()
    }
    return { schema, open: createOpener(db, locals, schema, options), close }
  } catch (error) {
    db.close()
    await locals.close()
    throw error
  }
}

/** Columns of all samples. */
async function sampleFields(db: DuckDb, locals: Locals, samples: FormatOptions['samples']): Promise<Field[]> {
  const whole: string[] = []
  for (const file of samples) if ((await footerOf(file)) !== undefined) whole.push(await locals.footer(file))
  if (whole.length === 0) return []
  const paths = whole.map(exactly).join(', ')
  try {
    return (await db.schemaOf(`select * from read_parquet([${paths}], union_by_name = true)`)).fields
  } finally {
    for (const path of whole) await locals.release(path)
  }
}

function createOpener(db: DuckDb, locals: Locals, schema: Schema, options: FormatOptions): OpenFormat['open'] {
  const { context, capacity, config } = options
  const told = new Set<string>()

  /** The columns of the schema from those that the file has. */
  async function selectOf(path: string, from: number, to: number, total: number): Promise<string> {
    const own = new Map(
      (await db.schemaOf(`select * from read_parquet(${exactly(path)})`)).fields.map(f => [f.name, f]),
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
    const table = `read_parquet(${exactly(path)})`
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

  return async (file, before, until) => {
    const { name } = file
    const [from, to] = [before, until] as (ParquetProgress | undefined)[]
    const check = await footerOf(file)
    for (const known of [from, to])
      if (known !== undefined && String(known.check) !== String(check))
        throw dataError(name, `is not the file of which ${known.at} rows were read: it was replaced`)
    if (check === undefined) return notWhole(name)
    const path = await locals.whole(file)
    let at = from?.at ?? 0
    let end: number
    let select: string
    try {
      const total = await tried(name, () => rowCount(db, path))
      end = to?.at ?? total
      select = await tried(name, () => selectOf(path, at, end, total))
    } catch (error) {
      await locals.release(path)
      throw error
    }
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
      async close() {
        await batches.return?.(undefined)
        await locals.release(path)
      },
    }
  }
}

/** A path as a literal that names no other files: DuckDB takes paths for patterns. */
const exactly = (path: string) => literal(path.replace(/[*?[]/g, '[$&]'))

async function rowCount(db: DuckDb, path: string): Promise<number> {
  const [row] = await db.rows(`select num_rows as rows from parquet_file_metadata(${exactly(path)})`)
  return Number(row!.rows)
}

async function tried<T>(name: string, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt()
  } catch (error) {
    throw error instanceof PipelineError ? within(name, error) : error
  }
}
