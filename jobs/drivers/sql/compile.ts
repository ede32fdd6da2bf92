import type { Data, RecordBatch, Schema } from 'apache-arrow'
import { nearestName } from '../../../core/nearest.ts'
import { formatDuration } from '../../../core/units.ts'
import type { Udf } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { within } from './deadline.ts'
import { type Engine, openEngine } from './engine.ts'
import { pointTables } from './names.ts'
import { carryOp } from './op.ts'
import { readable } from './text.ts'
import { type Branch, type Expression, parse, type Select, type Statement, walk } from './tree.ts'

/**
 * SQL over batches, for the `sql` transform and for nodes that select, filter or compute with SQL. All of it is checked
 * when it is compiled: what is wrong is a PipelineError `bad_pipeline` with DuckDB's message and the place. A row that
 * a statement cannot take fails the whole call with `bad_data`.
 */
export interface CompiledSelect {
  /** of what comes out */
  schema: Schema
  /** The rows of one input, while the others have none; `from` may be left out where there is one. Undefined: no row. */
  run(batch: RecordBatch, from?: string): Promise<RecordBatch | undefined>
  /** Ends a call that is under way with `timeout`. */
  interrupt(): void
  close(): void
}

export interface SelectOptions {
  udfs?: readonly Udf[]
  /** carry `_gs_op` through, default false */
  op?: boolean
  /** milliseconds that a run may take, default 30,000: it ends with `limit` then */
  runTime?: number
  /** milliseconds that planning may take, default 10,000 */
  planTime?: number
  /** called with the tree before it is planned, to look at it or to change it */
  prepare?(engine: Engine, statement: Statement): Promise<void> | void
}

/** Compiles one stateless SELECT over inputs by the names that the SQL uses. */
export async function compileSelect(
  sql: string,
  inputs: ReadonlyMap<string, Schema>,
  { udfs, op = false, runTime, planTime, prepare }: SelectOptions = {},
): Promise<CompiledSelect> {
  const engine = await openEngine({ inputs, op, ...(udfs && { udfs }), ...(runTime && { runTime }) })
  return building(engine, planTime, async () => {
    const text = readable(sql, [...inputs.keys()])
    const statement = await parse(engine.db, text)
    engine.check(statement)
    pointTables(statement.node, engine.tables)
    if (op) carryOp(statement.node)
    await prepare?.(engine, statement)
    const plan = await engine.plan(statement, text)
    const [only] = inputs.keys()
    return {
      schema: plan.schema,
      run: (batch, from = only!) => plan.run(batch, from),
      interrupt: () => engine.db.interrupt(),
      close: () => engine.close(),
    }
  })
}

export interface CompiledExpressions {
  /** a field per expression, named c0, c1, … */
  schema: Schema
  /** A column per expression, each with a value per row of the batch. */
  evaluate(batch: RecordBatch): Promise<readonly Data[]>
  close(): void
}

/** Compiles expressions over the columns of a schema, such as `date_trunc('day', at)`. */
export async function compileExpressions(schema: Schema, expressions: readonly string[]): Promise<CompiledExpressions> {
  const { plan, close } = await overRows(schema, expressions, (select, parsed) => {
    select.select_list = parsed.map((expression, index) => ({ ...expression, alias: `c${index}` }))
  })
  return {
    schema: plan.schema,
    async evaluate(batch) {
      const result = await plan.run(batch, ROWS)
      if ((result?.numRows ?? 0) !== batch.numRows)
        throw new PipelineError('bad_pipeline', 'an expression must give one value for each row')
      return result?.data.children ?? []
    },
    close,
  }
}

export interface CompiledFilter {
  /** The rows for which the predicate is true; undefined: none. */
  keep(batch: RecordBatch): Promise<RecordBatch | undefined>
  close(): void
}

/** Compiles a predicate over the columns of a schema, such as `amount > 5 AND kind = 'x'`. */
export async function compileFilter(schema: Schema, predicate: string): Promise<CompiledFilter> {
  const { plan, close } = await overRows(schema, [predicate], (select, [expression]) => {
    select.where_clause = expression!
  })
  return { keep: batch => plan.run(batch, ROWS), close }
}

const ROWS = 'rows'

async function overRows(
  schema: Schema,
  expressions: readonly string[],
  build: (select: Select, parsed: readonly Expression[]) => void,
) {
  const engine = await openEngine({ inputs: new Map([[ROWS, schema]]) })
  return building(engine, undefined, async () => {
    const texts = expressions.map(expression => readable(expression, []))
    const parsed: Expression[] = []
    for (const text of texts) parsed.push(await parseExpression(engine, text))
    const statement = await parse(engine.db, `select * from ${engine.tables.get(ROWS)}`)
    build(statement.node as Select, parsed)
    engine.check(statement)
    const plan = await engine.plan(statement, texts.join('\n')).catch(error => {
      throw unknownColumn(error, schema)
    })
    return { plan, close: () => engine.close() }
  })
}

async function parseExpression(engine: Engine, text: string): Promise<Expression> {
  const { node } = await parse(engine.db, `select\n${text}\n`, 1)
  const { select_list, from_table, where_clause, group_expressions, having, qualify, modifiers } = node as Select
  const [expression, ...more] = select_list ?? []
  const clauses = [where_clause, having, qualify].some(clause => clause !== null) || modifiers.length > 0
  const alone = !clauses && from_table?.type === 'EMPTY' && (group_expressions as Branch[]).length === 0
  if (expression === undefined || expression.class === 'STAR' || more.length > 0 || !alone)
    throw new PipelineError('bad_pipeline', `expected one SQL expression, got ${text}`)
  walk(expression, ({ function_name }) => {
    if (function_name === 'unnest')
      throw new PipelineError('bad_pipeline', 'unnest gives many values for a row, where one is needed')
  })
  return expression
}

/** In the words of the model, with the column that was likely meant. */
function unknownColumn(error: unknown, schema: Schema): unknown {
  if (!(error instanceof PipelineError)) return error
  const name = /Referenced column "([^"]+)" not found/.exec(error.message)?.[1]
  if (name === undefined) return error
  const names = schema.fields.map(field => field.name)
  // A part of a name is nearer than one that looks alike
  const guess =
    names.find(candidate => candidate.toLowerCase().includes(name.toLowerCase())) ?? nearestName(name, names)
  const hint = guess === undefined ? ` Valid fields are ${names.join(', ')}.` : ` Did you mean '${guess}'?`
  return new PipelineError('bad_pipeline', `No field named ${name}.${hint}`, { path: error.path, cause: error })
}

/** What `build` makes of an engine, which is closed where it fails, or takes too long. */
async function building<T>(engine: Engine, limit = 10_000, build: () => Promise<T>): Promise<T> {
  const late = () =>
    new PipelineError('bad_pipeline', `sql takes longer than ${formatDuration(limit)} to plan: make it simpler`, {
      path: ['sql'],
    })
  try {
    return await within(engine.db, limit, late, build)
  } catch (error) {
    engine.close()
    throw error
  }
}
