import { randomBytes } from 'node:crypto'
import { EPOCH } from '../../drivers/aggregate/plan.ts'
import type { Scratch } from '../../drivers/aggregate/statements.ts'
import { sqlStateOf } from '../../drivers/postgres/failures.ts'
import { quote } from '../../drivers/postgres/names.ts'
import type { PgSession } from '../../drivers/postgres/session.ts'
import { openOn, retryOn } from '../../drivers/postgres-sink/connection.ts'
import { createFence } from '../../drivers/postgres-sink/fence.ts'
import { openTables } from '../../drivers/postgres-sink/opening.ts'
import { createStaging } from '../../drivers/postgres-sink/staging.ts'
import { addSql, readTable, type Table } from '../../drivers/postgres-sink/table.ts'
import type { NodeContext, Sink, Stream } from '../../runtime/contract.ts'
import { PipelineError, context as within } from '../../runtime/errors.ts'
import { checkedPlan } from './check.ts'
import { createIntake, slotsOf } from './intake.ts'
import { namesOf } from './names.ts'
import type { AggregateConfig } from './postgres_aggregate.ts'
import { commitSql, refillSql, scratchSql } from './statements.ts'
import { makeTables, rowColumns } from './tables.ts'
import { guessed, namedBy } from './types.ts'

export async function openPostgresAggregate(
  config: AggregateConfig,
  input: Stream,
  context: NodeContext,
): Promise<Sink> {
  checkedPlan(config, input, guessed)
  return openOn(context, session => createSink(session, config, input, context))
}

async function createSink(
  session: PgSession,
  config: AggregateConfig,
  input: Stream,
  context: NodeContext,
): Promise<Sink> {
  const { pipeline, name } = context
  const { schema, landing_table, agg_table } = config
  const names = namesOf(config)
  const columns = rowColumns(input)
  const on = <T>(what: string, work: () => Promise<T>) =>
    retryOn(session, context, `${what} ${schema}.${agg_table}`, work)
  const plan = checkedPlan(config, input, await on('prepare', () => namedBy(session, config)))
  const fence = createFence(session, { pipeline, name, schema, table: agg_table })
  let cleaning = Promise.resolve()
  const target = await openTables({
    session,
    schema,
    fence,
    on,
    async prepare(isPublished) {
      if (await makeTables(session, plan, config, columns, isPublished, refillSql(plan, names)))
        return (await readTable(session, schema, landing_table))!
      throw new PipelineError(
        'state',
        `${session.label}: what table ${schema}.${agg_table} was computed from is gone, and rows were published to it: put it back, or start again with --reset`,
      )
    },
    create: createTarget,
  })

  async function createTarget(landing: Table) {
    const slots = slotsOf(plan, columns, landing)
    const staging = await createStaging(session, slots, on)
    const intake = createIntake(plan, columns, slots, landing, staging, context)
    const id = randomBytes(6).toString('hex')
    const scratch: Scratch = {
      staged: staging.table,
      latest: `pg_temp._millrace_latest_${id}`,
      work: `pg_temp._millrace_work_${id}`,
      delta: `pg_temp._millrace_delta_${id}`,
    }
    for (const sql of scratchSql(scratch, plan)) await session.query(sql)
    return { staging, intake, scratch }
  }

  /** Rows of older epochs have done their work. */
  async function clean(epoch: number): Promise<void> {
    try {
      await fence.guard([`delete from ${names.landing} where ${quote(EPOCH)} <= ${epoch - 1}`])
    } catch (error) {
      if (!context.signal.aborted)
        context.log.warn(
          `rows of older epochs stay in table ${schema}.${landing_table} for now: ${(error as Error).message}`,
        )
    }
  }

  return {
    async begin() {
      const { staging, intake } = target.get()
      const last = await on('begin in', async () => {
        await session.query(staging.clearSql)
        return fence.begin()
      })
      intake.cleared()
      // rows that another run, or the model, left behind with numbers of its own go with the first epoch
      if (last === undefined)
        await on('begin in', () =>
          fence.guard([`update ${names.landing} set ${quote(EPOCH)} = 0 where ${quote(EPOCH)} <> 0`]),
        )
      return last
    },
    write: batch => target.get().intake.write(batch),
    async commit(checkpoint) {
      const { staging, intake, scratch } = target.get()
      const { rows } = staging
      const statements =
        rows === 0
          ? []
          : [
              ...intake.drifted.map(column => addSql(schema, landing_table, column)),
              ...commitSql(scratch, plan, names, intake.sources, {
                number: checkpoint.epoch,
                repeats: intake.repeats,
              }),
              staging.clearSql,
            ]
      try {
        const publish = () => on('commit to', () => fence.publish(checkpoint, statements))
        // someone else has put a row of the same key into the landing table meanwhile
        const isNew = await publish().catch(error =>
          sqlStateOf(error) === '23505' ? publish() : Promise.reject(error),
        )
        if (!isNew) await on('commit to', () => session.query(staging.clearSql))
      } catch (error) {
        throw within(
          `publish ${rows} rows in tables ${schema}.${landing_table} and ${schema}.${agg_table}`,
          tooLarge(error),
        )
      }
      intake.drifted.length = 0
      intake.cleared()
    },
    finalized(epoch) {
      cleaning = clean(epoch)
      return cleaning
    },
    reset: () => target.reset(),
    async close() {
      // nobody waits for it otherwise
      await cleaning
      await session.close()
    },
  }
}

/** 22003: numeric value out of range; the rows themselves were read already. */
function tooLarge(error: unknown): unknown {
  if (sqlStateOf(error) !== '22003') return error
  return new PipelineError(
    'bad_data',
    `a sum is too large for its column: give the aggregate the type numeric(38, 0), and name another agg_table: ${(error as Error).message}`,
    { cause: error },
  )
}
