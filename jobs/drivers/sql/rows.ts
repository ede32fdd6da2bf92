import type { RecordBatch } from 'apache-arrow'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { concat } from '../../runtime/batch/select.ts'
import type { NodeContext } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'

/** More rows that fail in one call are a mistake of the statement, or of the source. */
const MOST_DEAD = 1000

/**
 * Runs a statement, or a predicate, over a batch. DuckDB fails for all rows where one cannot be cast: the batch is then
 * halved until the rows are found, which become dead letters, while all others go on in order.
 */
export async function runRows(
  batch: RecordBatch,
  run: (batch: RecordBatch) => Promise<RecordBatch | undefined>,
  context: Pick<NodeContext, 'dead'>,
  /** for messages */
  what = 'sql',
): Promise<RecordBatch[]> {
  const results: RecordBatch[] = []
  const dead: { message: string; row: RecordBatch }[] = []

  async function attempt(rows: RecordBatch): Promise<void> {
    try {
      const result = await run(rows)
      if (result !== undefined) results.push(result)
    } catch (error) {
      if (!(error instanceof PipelineError) || error.code !== 'bad_data') throw error
      if (rows.numRows > 1) {
        const half = rows.numRows >> 1
        await attempt(rows.slice(0, half))
        await attempt(rows.slice(half))
        return
      }
      dead.push({ message: error.message, row: rows })
      if (dead.length > MOST_DEAD)
        throw new PipelineError(
          'bad_data',
          `more than ${MOST_DEAD} of ${batch.numRows} rows fail in ${what}, the last: ${error.message}`,
          { cause: error },
        )
    }
  }

  await attempt(batch)
  for (const { message, row } of dead) context.dead({ code: 'sql_error', message, row: rowsOf(row)[0]! })
  return results
}

/**
 * The rows for which a predicate is true; undefined: none. One that it fails on becomes a dead letter: whoever sends such
 * a row must not stop the others.
 */
export async function keepRows(
  batch: RecordBatch,
  keep: (batch: RecordBatch) => Promise<RecordBatch | undefined>,
  context: Pick<NodeContext, 'dead'>,
): Promise<RecordBatch | undefined> {
  const parts = await runRows(batch, keep, context, 'filter')
  return parts.length === 0 ? undefined : concat(parts)
}
