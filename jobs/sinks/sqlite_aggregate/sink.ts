import { EPOCH } from '../../drivers/aggregate/plan.ts'
import type { Scratch } from '../../drivers/aggregate/statements.ts'
import { openDatabase, type SharedDatabase } from '../../drivers/sqlite-sink/connection.ts'
import { createFence } from '../../drivers/sqlite-sink/fence.ts'
import { createStaging } from '../../drivers/sqlite-sink/staging.ts'
import { addSql, quote } from '../../drivers/sqlite-sink/table.ts'
import type { NodeContext, Sink, Stream } from '../../runtime/contract.ts'
import { PipelineError, context as within } from '../../runtime/errors.ts'
import { checkedPlan, tablesOf } from './check.ts'
import { createIntake, slotsOf, stagedSlots } from './intake.ts'
import { registerNumbers } from './numbers.ts'
import type { Plan } from './plan.ts'
import type { AggregateConfig } from './sqlite_aggregate.ts'
import { commitSql, latestSql, refillSql, scratchSql } from './statements.ts'
import { findTables, makeTables, namesOf } from './tables.ts'

export async function openSqliteAggregate(config: AggregateConfig, input: Stream, context: NodeContext): Promise<Sink> {
  const plan = checkedPlan(config, input)
  const shared = await context.retry(`open ${config.path}`, () =>
    openDatabase(config.path, tablesOf(config), context.signal),
  )
  try {
    registerNumbers(shared.db)
    return await createSink(shared, plan, config, context)
  } catch (error) {
    shared.release()
    throw error
  }
}

async function createSink(
  shared: SharedDatabase,
  plan: Plan,
  config: AggregateConfig,
  context: NodeContext,
): Promise<Sink> {
  const { db, path } = shared
  const { pipeline, name, signal } = context
  const names = namesOf(config)
  const fence = createFence(shared, { pipeline, name, table: config.agg_table, signal })
  let refusal: PipelineError | undefined
  const isReady = () =>
    context.retry(`prepare table ${quote(config.agg_table)} of ${path}`, () =>
      shared.transaction(() => {
        refusal = fence.moved()
        return refusal === undefined && makeTables(db, plan, config, fence.published(), refillSql(plan, names))
      }, signal),
    )
  let ready = await isReady()
  const slots = slotsOf(plan)
  const staging = createStaging(shared, stagedSlots(slots))
  const intake = createIntake(plan, slots, staging, context)
  const scratch = createScratch()

  function createScratch(): Scratch {
    const number = shared.number()
    const table = (what: string) => `temp._millrace_${what}_${number}`
    const made = { staged: staging.table, latest: table('latest'), work: table('work'), delta: table('delta') }
    shared.stage(() => {
      for (const sql of scratchSql(made, plan)) db.exec(sql)
    })
    return made
  }

  /** Before the transaction, which holds up others. */
  function prepare(): void {
    shared.stage(() => {
      db.exec(`delete from ${scratch.latest}`)
      db.exec(latestSql(scratch, plan, intake.sources))
    })
  }

  function apply(epoch: number): void {
    if (intake.drifted) addColumns()
    const { rest, landing } = commitSql(scratch, plan, names, intake.sources)
    for (const sql of rest) db.exec(sql)
    db.prepare(landing).run(epoch)
  }

  function addColumns(): void {
    const columns = slots.filter(({ convert }) => convert === undefined)
    const { landing, lacking = [] } = findTables(db, { ...plan, columns }, config)
    if (landing === undefined)
      throw new PipelineError('state', `table ${quote(config.landing_table)} is gone: start the pipeline again`)
    for (const column of lacking) db.exec(addSql(landing, column))
  }

  return {
    async begin() {
      if (refusal !== undefined) throw refusal
      if (!ready)
        throw new PipelineError(
          'state',
          `sqlite ${path}: what table ${quote(config.agg_table)} was computed from is gone, and rows were published to it: put the file back, or start again with --reset`,
        )
      staging.clear()
      return context.retry(`begin in ${path}`, () => fence.begin())
    },
    write: batch => intake.write(batch),
    async commit(checkpoint) {
      const { rows } = staging
      try {
        if (rows > 0) prepare()
        await context.retry(`commit to ${path}`, () =>
          fence.publish(checkpoint, () => {
            if (rows > 0) apply(checkpoint.epoch)
          }),
        )
      } catch (error) {
        throw within(
          `publish ${rows} rows in tables ${quote(config.landing_table)} and ${quote(config.agg_table)}`,
          error,
        )
      }
      staging.clear()
    },
    async finalized(epoch) {
      try {
        await fence.guard(() => {
          db.prepare(`delete from ${names.landing} where ${quote(EPOCH)} <= ?`).run(epoch - 1)
        })
      } catch (error) {
        context.log.warn(
          `rows of older epochs stay in table ${quote(config.landing_table)} for now: ${(error as Error).message}`,
        )
      }
    },
    async reset() {
      await context.retry(`reset in ${path}`, () => fence.reset())
      ready ||= await isReady()
    },
    async close() {
      try {
        staging.drop()
        const { latest, work, delta } = scratch
        shared.stage(() => {
          for (const table of [latest, work, delta]) db.exec(`drop table ${table}`)
        })
      } finally {
        shared.release()
      }
    },
  }
}
