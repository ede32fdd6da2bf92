import { openDatabase, type SharedDatabase } from '../../drivers/sqlite-sink/connection.ts'
import { createFence } from '../../drivers/sqlite-sink/fence.ts'
import { addSql, createSql, quote, readTable } from '../../drivers/sqlite-sink/table.ts'
import type { NodeContext, Sink, Stream } from '../../runtime/contract.ts'
import { PipelineError, context as within } from '../../runtime/errors.ts'
import { checkConfig, columnsOf, findTable, keyOf } from './check.ts'
import type { SqliteConfig } from './sqlite.ts'
import { createTarget, type Target } from './target.ts'

export async function openSqlite(config: SqliteConfig, input: Stream, context: NodeContext): Promise<Sink> {
  checkConfig(config, input)
  const shared = await context.retry(`open ${config.path}`, () =>
    openDatabase(config.path, [config.table], context.signal),
  )
  try {
    return await createSink(shared, config, input, context)
  } catch (error) {
    shared.release()
    throw error
  }
}

async function createSink(
  shared: SharedDatabase,
  config: SqliteConfig,
  input: Stream,
  context: NodeContext,
): Promise<Sink> {
  const { db, path } = shared
  const { pipeline, name, signal } = context
  const fence = createFence(shared, { pipeline, name, table: config.table, signal })
  let refusal: PipelineError | undefined
  let target = await open()

  /** Makes the table, unless rows of it were published: it would then begin in the middle. */
  async function open(): Promise<Target | undefined> {
    const table = await context.retry(`prepare table ${quote(config.table)} of ${path}`, () =>
      shared.transaction(() => {
        refusal = fence.moved()
        if (refusal !== undefined) return undefined
        const found = findTable(db, config, input)
        if (found !== undefined) for (const column of found.missing) db.exec(addSql(found.table, column))
        else if (fence.published()) return undefined
        else db.exec(createSql(config.table, columnsOf(input), keyOf(config, input)))
        return readTable(db, config.table)
      }, signal),
    )
    return table && createTarget(shared, table, config, input, context)
  }

  function opened(): Target {
    if (target !== undefined) return target
    throw (
      refusal ??
      new PipelineError(
        'state',
        `sqlite ${path}: table ${quote(config.table)} is gone, and rows were published to it: put it back, or start again with --reset`,
      )
    )
  }

  return {
    async begin() {
      opened().clear()
      return context.retry(`begin in ${path}`, () => fence.begin())
    },
    write: batch => opened().write(batch),
    async commit(checkpoint) {
      const { rows, prepare, apply, clear } = opened()
      try {
        if (rows > 0) prepare()
        await context.retry(`commit to ${path}`, () =>
          fence.publish(checkpoint, () => {
            if (rows > 0) apply()
          }),
        )
      } catch (error) {
        throw within(`publish ${rows} rows in table ${quote(config.table)}`, error)
      }
      clear()
    },
    async reset() {
      await context.retry(`reset in ${path}`, () => fence.reset())
      target ??= await open()
    },
    async close() {
      try {
        target?.drop()
      } finally {
        shared.release()
      }
    },
  }
}
