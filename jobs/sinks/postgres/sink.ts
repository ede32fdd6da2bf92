import { sqlStateOf } from '../../drivers/postgres/failures.ts'
import type { PgSession } from '../../drivers/postgres/session.ts'
import { openConnection, retryOn } from '../../drivers/postgres-sink/connection.ts'
import { createFence } from '../../drivers/postgres-sink/fence.ts'
import { throwFirst } from '../../drivers/postgres-sink/problems.ts'
import { inSchema, makeSchema } from '../../drivers/postgres-sink/schema.ts'
import { addSql, columnOf, createSql, lackedBy, readTable } from '../../drivers/postgres-sink/table.ts'
import type { NodeContext, Sink, Stream } from '../../runtime/contract.ts'
import { PipelineError, context as within } from '../../runtime/errors.ts'
import { configProblems, fieldsOf, keyOf, tableProblems } from './check.ts'
import type { PostgresConfig } from './postgres.ts'
import { createTarget, type Target } from './target.ts'

export async function openPostgres(config: PostgresConfig, input: Stream, context: NodeContext): Promise<Sink> {
  throwFirst(configProblems(config, input))
  const session = await openConnection(context)
  try {
    return await createSink(session, config, input, context)
  } catch (error) {
    session.destroy()
    throw error
  }
}

async function createSink(
  session: PgSession,
  config: PostgresConfig,
  input: Stream,
  context: NodeContext,
): Promise<Sink> {
  const { pipeline, name } = context
  const { schema, table } = config
  const fence = createFence(session, { pipeline, name, schema, table })
  const on = <T>(what: string, work: () => Promise<T>) => retryOn(session, context, `${what} ${schema}.${table}`, work)
  let target: Target | undefined
  /** why there is none; only `--reset` may do away with it */
  let refusal: PipelineError | undefined
  await open()

  /** Makes the table, unless rows of it were published: it would then begin in the middle. */
  async function open(): Promise<void> {
    const found = await on('prepare', () =>
      inSchema(session, schema, async () => {
        const isPublished = await fence.published()
        await makeSchema(session, schema)
        await fence.prepare()
        const columns = fieldsOf(input).map(columnOf)
        const found = await readTable(session, schema, table)
        if (found !== undefined) {
          throwFirst(tableProblems(found, config, input))
          for (const column of lackedBy(found, columns)) await session.query(addSql(schema, table, column))
        } else if (isPublished)
          throw new PipelineError(
            'state',
            `${session.label}: table ${schema}.${table} is gone, and rows were published to it: put it back, or start again with --reset`,
          )
        else await session.query(createSql(schema, table, columns, keyOf(config, input)))
        return readTable(session, schema, table)
      }),
    ).catch(error => {
      if (!(error instanceof PipelineError && error.code === 'state')) throw error
      refusal = error
      return undefined
    })
    target = found && (await createTarget(session, found, config, input, context, on))
  }

  function opened(): Target {
    if (target === undefined) throw refusal
    return target
  }

  return {
    async begin() {
      const { clearSql, cleared } = opened()
      const last = await on('begin in', async () => {
        await session.query(clearSql)
        return fence.begin()
      })
      cleared()
      return last
    },
    write: batch => opened().write(batch),
    async commit(checkpoint) {
      const { rows, publishSql, clearSql, cleared } = opened()
      const [first = [], second] = rows === 0 ? [] : publishSql().map(way => [...way, clearSql])
      const publish = (way: readonly string[]) => on('commit to', () => fence.publish(checkpoint, way))
      try {
        const isNew = await publish(first).catch(error => {
          if (second === undefined || sqlStateOf(error) !== '23505') throw error
          return publish(second)
        })
        if (!isNew) await on('commit to', () => session.query(clearSql))
      } catch (error) {
        throw within(`publish ${rows} rows in table ${schema}.${table}`, error)
      }
      cleared()
    },
    async reset() {
      await on('reset', () => fence.reset())
      refusal = undefined
      if (target === undefined) await open()
    },
    close: () => session.close(),
  }
}
