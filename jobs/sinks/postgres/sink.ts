import { sqlStateOf } from '../../drivers/postgres/failures.ts'
import type { PgSession } from '../../drivers/postgres/session.ts'
import { openOn, retryOn } from '../../drivers/postgres-sink/connection.ts'
import { createFence } from '../../drivers/postgres-sink/fence.ts'
import { openTables } from '../../drivers/postgres-sink/opening.ts'
import { throwFirst } from '../../drivers/postgres-sink/problems.ts'
import { addSql, columnOf, createSql, lackedBy, readTable } from '../../drivers/postgres-sink/table.ts'
import type { NodeContext, Sink, Stream } from '../../runtime/contract.ts'
import { PipelineError, context as within } from '../../runtime/errors.ts'
import { configProblems, fieldsOf, keyOf, tableProblems } from './check.ts'
import type { PostgresConfig } from './postgres.ts'
import { createTarget } from './target.ts'

export async function openPostgres(config: PostgresConfig, input: Stream, context: NodeContext): Promise<Sink> {
  throwFirst(configProblems(config, input))
  return openOn(context, session => createSink(session, config, input, context))
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
  const target = await openTables({
    session,
    schema,
    fence,
    on,
    async prepare(isPublished) {
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
      return (await readTable(session, schema, table))!
    },
    create: found => createTarget(session, found, config, input, context, on),
  })

  return {
    async begin() {
      const { clearSql, cleared } = target.get()
      const last = await on('begin in', async () => {
        await session.query(clearSql)
        return fence.begin()
      })
      cleared()
      return last
    },
    write: batch => target.get().write(batch),
    async commit(checkpoint) {
      const { rows, publishSql, clearSql, cleared } = target.get()
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
    reset: () => target.reset(),
    close: () => session.close(),
  }
}
