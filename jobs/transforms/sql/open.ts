import type { RecordBatch, Schema } from 'apache-arrow'
import { compileSelect } from '../../drivers/sql/compile.ts'
import { runRows } from '../../drivers/sql/rows.ts'
import { concat } from '../../runtime/batch/select.ts'
import type { Stream, Transform, TransformContext } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { createLookups } from './lookups.ts'
import type { SqlConfig } from './sql.ts'

/** One planned statement; each call runs it over one batch of one input. */
export async function openSql(
  { sql, primary_key, batch_size, batch_flush_interval }: SqlConfig,
  inputs: ReadonlyMap<string, Stream>,
  context: TransformContext,
): Promise<Transform> {
  const lookups = createLookups(context.tables, [...inputs.keys()], (table, filledBy) =>
    context.log.warn(
      `dynamic table '${table}' is filled from '${filledBy}', which this SQL does not read: rows may come before the values that they look up`,
    ),
  )
  const schemas = new Map([...inputs].map(([name, { schema }]) => [name, schema]))
  const select = await compileSelect(sql, schemas, {
    udfs: context.udfs,
    op: true,
    // Before the pipeline counts as stuck: it would only start again, with the same rows
    runTime: (context.settings.checkpoint_timeout_sec * 1000) / 2,
    prepare: lookups.install,
  })
  try {
    checkKey(context.name, primary_key, select.schema)
  } catch (error) {
    select.close()
    throw error
  }
  const interrupt = () => select.interrupt()
  context.signal.addEventListener('abort', interrupt)

  /** Until no value is asked for that was not looked up; what fails meanwhile may fail for want of an answer. */
  async function run(batch: RecordBatch, from: string): Promise<RecordBatch | undefined> {
    for (;;) {
      context.signal.throwIfAborted()
      try {
        const result = await select.run(batch, from)
        if (!(await lookups.settle())) return result
      } catch (error) {
        if (!(await lookups.settle())) throw error
      }
    }
  }

  return {
    schema: select.schema,
    batching: { ...(batch_size && { rows: batch_size }), ...(batch_flush_interval && { wait: batch_flush_interval }) },
    async process(batches, from) {
      lookups.forget()
      return runRows(concat(batches), rows => run(rows, from), context)
    },
    async close() {
      context.signal.removeEventListener('abort', interrupt)
      select.close()
    },
  }
}

function checkKey(node: string, primaryKey: readonly string[], { fields }: Schema): void {
  const names = fields.map(({ name }) => name)
  const absent = primaryKey.filter(column => !names.includes(column))
  if (absent.length === 0) return
  throw new PipelineError(
    'bad_pipeline',
    `Primary key validation failed for node '${node}': columns ${JSON.stringify(absent)} not found in schema. Available columns: ${JSON.stringify(names)}`,
    { path: ['primary_key'] },
  )
}
