import { type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import { formatDuration } from '../../../core/units.ts'
import { OP } from '../../runtime/batch/types.ts'
import type { Udf } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { type DuckDb, identifier } from '../duckdb/duckdb.ts'
import { openDuckDb } from '../duckdb/instance.ts'
import { isJson } from '../duckdb/types.ts'
import { within } from './deadline.ts'
import { installFunctions } from './functions/install.ts'
import { rewriteCalls } from './functions/rewrite.ts'
import { createSizeLimit } from './functions/sizes.ts'
import { checkLimits } from './limits.ts'
import { checkOps } from './op.ts'
import { functionsOf, parse, render, type Select, type Statement, type Tree, walk } from './tree.ts'
import { type Slim, slimmed, usedColumns } from './used.ts'

/** A DuckDB with a table for each input, which holds the rows of one batch at a time. */
export interface Engine {
  db: DuckDb
  /** name of the table, by input */
  tables: ReadonlyMap<string, string>
  /** Throws where a statement, as it is written, needs more than one batch of rows at a time. */
  check(statement: Statement): void
  /** Plans a statement over these tables. `text` is what the user wrote. */
  plan(statement: Statement, text: string): Promise<Plan>
  close(): void
}

const aggregateNames = `select distinct function_name as name from duckdb_functions() a
  where function_type = 'aggregate' and not exists (select 1 from duckdb_functions() s
    where s.function_name = a.function_name and s.function_type in ('scalar', 'macro'))`

export interface Plan {
  schema: Schema
  /** Runs the statement over these rows of `input`, while all other inputs have none. */
  run(batch: RecordBatch, input: string): Promise<RecordBatch | undefined>
}

export interface EngineOptions {
  inputs: ReadonlyMap<string, Schema>
  udfs?: readonly Udf[]
  /** every table has a `_gs_op`: inserts, where the input has none */
  op?: boolean
  /** milliseconds that a run may take, default 30,000 */
  runTime?: number
}

export async function openEngine({ inputs, udfs = [], op = false, runTime = 30_000 }: EngineOptions): Promise<Engine> {
  const db = await openDuckDb({ integerDivision: true })
  const sizes = createSizeLimit()
  const tables = new Map([...inputs.keys()].map((input, index) => [input, `mr_input_${index}`]))
  const withoutOp = (schema: Schema) => op && !schema.fields.some(({ name }) => name.toLowerCase() === OP)
  const rowsOf = (input: string) => `${tables.get(input)!}${withoutOp(inputs.get(input)!) ? '_rows' : ''}`

  async function createTables(json: 'text' | 'type', slim?: ReadonlyMap<string, Slim>): Promise<void> {
    for (const [input, schema] of inputs) {
      const rows = rowsOf(input)
      await db.createTable(rows, slim?.get(input)?.schema ?? schema, { json })
      if (rows === tables.get(input)) continue
      await db.run(`create or replace view ${tables.get(input)} as select *, 'i' as ${OP} from ${identifier(rows)}`)
    }
  }

  /** Names of columns that hand on JSON text as it is. */
  async function jsonColumns(sql: string, computed: ReadonlySet<string>): Promise<Set<string>> {
    if (![...inputs.values()].some(schema => schema.fields.some(isJson))) return new Set()
    try {
      await createTables('type')
      const { fields } = await db.schemaOf(sql)
      return new Set(fields.filter(field => isJson(field) && !computed.has(field.name)).map(({ name }) => name))
    } catch (error) {
      // As JSON, a column does not compare with any text: such SQL makes text of it
      if (error instanceof PipelineError && error.code !== 'internal') return new Set()
      throw error
    } finally {
      await createTables('text')
    }
  }

  const tooSlow = () =>
    new PipelineError(
      'limit',
      `sql takes longer than ${formatDuration(runTime)} for one batch: make it simpler, or its batches smaller`,
    )

  async function plan(statement: Statement, text: string): Promise<Plan> {
    await rewriteCalls(statement.root, async type => {
      const { node } = await parse(db, `select cast(null as ${type})`)
      return (node as Select).select_list[0]!
    })
    await installFunctions(db, functionsOf(statement.root), udfs, sizes.scalar)
    const sql = op ? await withTextOp(db, await render(db, statement)) : await render(db, statement)
    const json = await jsonColumns(sql, computedNames(statement.root))
    const prepared = await db.prepare(sql).catch(error => {
      throw located(error, text)
    })
    const schema = markJson(prepared.schema, json)
    const twice = schema.fields.find(({ name }, at) => schema.fields.findIndex(field => field.name === name) < at)
    if (twice !== undefined)
      throw new PipelineError(
        'bad_pipeline',
        `sql gives two columns named ${JSON.stringify(twice.name)}: rename one with AS`,
        {
          path: ['sql'],
        },
      )

    async function runOver(table: string, batch: RecordBatch, schema: Schema): Promise<RecordBatch | undefined> {
      try {
        await db.append(table, batch)
        sizes.begin()
        return await prepared.query()
      } finally {
        // A new table is cheaper than rows that were deleted
        await db.createTable(table, schema, { json: 'text' })
      }
    }

    // columns that the statement does not read are not copied
    const used = usedColumns(statement.root)
    const slim = new Map([...inputs].map(([input, schema]) => [input, slimmed(schema, used)]))
    await createTables('text', slim)

    return {
      schema,
      async run(batch, input) {
        const { of, schema: columns } = slim.get(input)!
        const result = await within(db, runTime, tooSlow, () => runOver(rowsOf(input), of(batch), columns))
        if (op && result !== undefined) checkOps(result)
        return relabel(result, schema)
      },
    }
  }

  try {
    await createTables('text')
    const aggregates = new Set((await db.rows(aggregateNames)).map(({ name }) => name as string))
    return { db, tables, check: ({ root }) => checkLimits(root, aggregates), plan, close: () => db.close() }
  } catch (error) {
    db.close()
    throw error
  }
}

/** `_gs_op` is text, whatever computes it. */
async function withTextOp(db: DuckDb, sql: string): Promise<string> {
  // What is wrong with the statement is told when it is planned
  const { fields } = await db.schemaOf(sql).catch(() => new Schema([]))
  const op = fields.find(({ name }) => name === OP)
  return op === undefined || op.type instanceof Utf8
    ? sql
    : `select * replace (cast(${OP} as varchar) as ${OP}) from (${sql}) as t`
}

/** Names under which some SELECT computes a column; such a one may be text that only began as JSON. */
function computedNames(root: Tree): Set<string> {
  const names = new Set<string>()
  walk(root, ({ alias, class: kind }) => {
    if (typeof kind === 'string' && kind !== 'COLUMN_REF' && typeof alias === 'string') names.add(alias)
  })
  return names
}

function markJson(schema: Schema, json: ReadonlySet<string>): Schema {
  if (json.size === 0) return schema
  const fields = schema.fields.map(field =>
    json.has(field.name) ? field.clone({ metadata: new Map([['json', 'true']]) }) : field,
  )
  return new Schema(fields)
}

function relabel(batch: RecordBatch | undefined, schema: Schema): RecordBatch | undefined {
  if (batch === undefined || !schema.fields.some(isJson)) return batch
  return new (batch.constructor as typeof RecordBatch)(schema, batch.data)
}

/** The statement that failed is not the user's word by word: the place is that of the one word that it is about. */
function located(error: unknown, text: string): unknown {
  if (!(error instanceof PipelineError) || error.code === 'internal' || error.code === 'timeout') return error
  const message = error.message.replace(/ \(line \d+(?:, column \d+)?\)$/, '')
  const word = /(?:column|name|named) "?([\p{L}\p{N}_]+)"?/u.exec(message)?.[1]
  const places =
    word === undefined ? [] : [...text.matchAll(new RegExp(`(?<![\\p{L}\\p{N}_])${word}(?![\\p{L}\\p{N}_])`, 'giu'))]
  const lines = text.slice(0, places[0]?.index ?? 0).split('\n')
  const place = places.length === 1 ? ` (line ${lines.length}, column ${lines.at(-1)!.length + 1})` : ''
  return new PipelineError('bad_pipeline', `${message}${place}`, { path: ['sql'], cause: error })
}
