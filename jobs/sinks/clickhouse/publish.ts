import type { ClickHouse } from '../../drivers/clickhouse/client.ts'
import { exceptionOf } from '../../drivers/clickhouse/failures.ts'
import { quote, quoteTable, showTable } from '../../drivers/clickhouse/names.ts'
import type { NodeContext } from '../../runtime/contract.ts'
import { type PipelineError, toPipelineError } from '../../runtime/errors.ts'
import { hash, insertSettings, type Positions } from './positions.ts'
import type { Staged } from './stage.ts'
import { longStatement } from './stored.ts'
import type { Table } from './table.ts'

export interface Publisher {
  /** Blocks in order; those that are there already are dropped by the server. The table was looked at just before. */
  insert(blocks: readonly Staged[], run: string, epoch: number): Promise<void>
  /** The last call failed, and nothing of it is in the table: the server said no to its first request. */
  isUntouched(): boolean
  /** Deletes what is there already; what is inserted later stays. */
  remove(condition: string): Promise<void>
}

export interface PublisherOptions {
  server: ClickHouse
  table: Table
  columns: readonly string[]
  positions: Positions
  /** what has changed of the table, and ends the attempt */
  changed(): Promise<PipelineError | undefined>
  context: NodeContext
  /** inserts have a token */
  exact: boolean
}

/**
 * An insert cannot be made conditional on the head of the log, so that the head is looked at before it, and again where
 * that was so long ago that this process may have been stopped in between; and so is the table. Milliseconds.
 */
const trusted = 5_000

export function createPublisher({
  server,
  table,
  columns,
  positions,
  changed,
  context,
  exact,
}: PublisherOptions): Publisher {
  const { pipeline, name, retry } = context
  const shown = showTable(table.name)
  const into = `INSERT INTO ${quoteTable(table.name)} (${columns.map(quote).join(', ')}) FORMAT ArrowStream`

  let isUntouched = false

  return {
    isUntouched: () => isUntouched,
    async insert(blocks, run, epoch) {
      isUntouched = true
      let seen = performance.now()
      for (const [seq, { body, rows }] of blocks.entries()) {
        const token = hash(run, pipeline, name, epoch, seq)
        // of no use to try again within this attempt, whatever the code says
        const drift = await retry(`insert ${rows} rows into ${shown}`, async () => {
          if (performance.now() - seen > trusted) {
            await positions.confirm()
            const found = await changed()
            if (found !== undefined) return found
          }
          seen = performance.now()
          const settings = { ...insertSettings, ...(exact && { insert_deduplication_token: token }) }
          const wasUntouched = isUntouched
          isUntouched = false
          await server.insert(into, body, { settings }).catch(error => {
            isUntouched = wasUntouched && exceptionOf(error) !== undefined && !toPipelineError(error).retryable
            throw error
          })
          seen = performance.now()
          return undefined
        })
        if (drift !== undefined) throw drift
      }
    },
    async remove(condition) {
      await retry(`delete from ${shown}`, () =>
        server.run(`ALTER TABLE ${quoteTable(table.name)} DELETE WHERE ${condition} AND ${positions.condition()}`, {
          settings: { ...longStatement, mutations_sync: 1 },
        }),
      )
    },
  }
}
