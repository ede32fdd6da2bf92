import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { ClickHouse } from '../../drivers/clickhouse/client.ts'
import { showTable } from '../../drivers/clickhouse/names.ts'
import type { Checkpoint, NodeContext, Sink, Stream } from '../../runtime/contract.ts'
import { PipelineError, context as within } from '../../runtime/errors.ts'
import type { ClickHouseSinkConfig } from './clickhouse.ts'
import { nameOfTable, openServer } from './connect.ts'
import { createDeletes } from './deletes.ts'
import { driftOf } from './drift.ts'
import { layoutOf } from './layout.ts'
import { createPositions, type Entry, type Intent } from './positions.ts'
import { createPreparer } from './prepare.ts'
import { createPublisher } from './publish.ts'
import { createStage } from './stage.ts'
import {
  addSql,
  blocksOf,
  createSql,
  faultsOf,
  missingColumns,
  readColumns,
  readTable,
  type Table,
  warningsOf,
} from './table.ts'

export async function openClickHouseSink(
  config: ClickHouseSinkConfig,
  input: Stream,
  context: NodeContext,
): Promise<Sink> {
  layoutOf(config, input)
  const server = openServer(context)
  try {
    return await createSink(server, config, input, context)
  } catch (error) {
    await server.close()
    throw error
  }
}

async function createSink(
  server: ClickHouse,
  config: ClickHouseSinkConfig,
  input: Stream,
  context: NodeContext,
): Promise<Sink> {
  const { settings, retry, signal } = context
  const layout = layoutOf(config, input)
  const name = nameOfTable(config, context)
  const shown = showTable(name)
  const positions = createPositions(server, name.database, context)
  const exact = config.guarantee === 'exactly_once'
  const pace = {
    rows: config.batch_size ?? settings.clickhouse_sink.batch_size,
    interval: config.batch_flush_interval ?? settings.clickhouse_sink.batch_flush_interval,
  }
  let entry: Entry | undefined
  let insertedAt = Number.NEGATIVE_INFINITY
  let version = { epoch: -1, value: 0 }
  let parts: Parts | undefined

  await retry('prepare the positions', () => positions.prepare())

  /** The table as it is to be; makes it where `may` says so, and adds what it lacks. */
  async function prepareTable(may: boolean): Promise<Table | undefined> {
    let table = await readTable(server, name)
    if (table === undefined) {
      if (!may) return undefined
      await server.run(createSql(name, config, layout))
      table = (await readTable(server, name))!
    }
    const [fault] = faultsOf(table, config, layout)
    if (fault !== undefined) throw fault
    const missing = missingColumns(table, layout)
    if (missing.length === 0) return table
    await server.run(addSql(table, missing))
    return (await readTable(server, name))!
  }

  type Parts = ReturnType<typeof partsOf>
  function partsOf(table: Table) {
    const deletes = createDeletes(table, layout)
    const preparer = createPreparer({ config, layout, table, dead: context.dead, seen: deletes.see })
    const stage = createStage({
      schema: preparer.schema,
      key: layout.key.map(key => preparer.columns.indexOf(key)),
      rowsPerBlock: config.insert_rows,
      encoding: config.compression ?? settings.clickhouse_sink.compression,
      level: config.compression_level ?? settings.clickhouse_sink.compression_level,
    })
    const changed = async () => driftOf(table, await readColumns(server, name), layout, preparer.columns)
    const publisher = createPublisher({
      server,
      table,
      columns: preparer.columns,
      positions,
      changed,
      context,
      exact,
    })
    return { table, deletes, preparer, stage, publisher, changed }
  }

  /** A sink goes on in the table that it was published to, as long as nobody resets it. */
  function refuseOther(last: Entry, table: Table | undefined): void {
    if (last.table === undefined) return
    const state = (message: string) => new PipelineError('state', `clickhouse: ${message}`)
    if (last.table.name !== shown)
      throw state(
        `sink ${JSON.stringify(context.name)} was published to table ${last.table.name}, and its configuration now says ${shown}: name the old one, or start again with --reset`,
      )
    if (table === undefined || table.uuid !== last.table.uuid)
      throw state(
        `table ${shown} ${table === undefined ? 'is gone' : 'was made anew'}, and rows were published to it: put it back, or start again with --reset`,
      )
  }

  async function begin(): Promise<Checkpoint | undefined> {
    await parts?.stage.clear()
    parts?.deletes.clear()
    entry = await positions.take(last => ({ ...(last ?? newRun()), writer: '' }))
    const { checkpoint } = entry
    const table = await retry(`prepare table ${shown}`, () => prepareTable(entry!.table === undefined))
    refuseOther(entry, table)
    if (parts === undefined) for (const warning of warningsOf(table!, config, layout)) context.log.warn(warning)
    // the table may be another one than at the last time
    parts = partsOf(table!)
    return checkpoint
  }

  function begun(): { entry: Entry; parts: Parts } {
    if (entry === undefined || parts === undefined) throw new PipelineError('internal', 'begin comes before rows')
    return { entry, parts }
  }

  /** Of the rows of an epoch: higher than those of all before, and the same when it comes again. */
  function versionFor(epoch: number): number {
    const last = begun().entry
    if (last.intent?.checkpoint.epoch === epoch) return last.version
    if (version.epoch !== epoch) version = { epoch, value: Math.max(Date.now() * 1000, last.version + 1) }
    return version.value
  }

  /** Too many small inserts are more than a table can merge. */
  async function wait(rows: number): Promise<void> {
    const rest = insertedAt + pace.interval - performance.now()
    if (rows < pace.rows && rest > 0) await sleep(rest, undefined, { signal })
  }

  async function commit(checkpoint: Checkpoint): Promise<void> {
    const { entry: last, parts: own } = begun()
    if (last.checkpoint !== undefined && checkpoint.epoch <= last.checkpoint.epoch) {
      refuseReplay(checkpoint, last.checkpoint)
      return clear(own)
    }
    const rows = own.stage.rows
    const value = versionFor(checkpoint.epoch)
    const staged = await own.stage.seal()
    const conditions = await retry(`look up what is deleted from ${shown}`, () => own.deletes.conditions(server))
    const begunBefore = last.intent
    if (begunBefore !== undefined) await refuseUnsure(begunBefore, checkpoint, staged, own.table)
    let next: Entry = { ...last, version: value, table: { name: shown, uuid: own.table.uuid } }
    if (rows > 0 || conditions.length > 0) {
      await wait(rows)
      const drift = await retry(`look at table ${shown}`, own.changed)
      if (drift !== undefined) throw drift
      if (begunBefore === undefined) {
        const base = await retry('count the blocks', () => blocksOf(server, own.table))
        const intent: Intent = {
          checkpoint,
          blocks: staged.map(({ rows, crc }) => ({ rows, crc })),
          base,
          at: Date.now(),
        }
        next = { ...next, intent }
        await positions.append(next)
      } else await positions.confirm()
      entry = next
      await own.publisher.insert(staged, next.run, checkpoint.epoch).catch(async error => {
        // rows that the table does not take may be left out of the next try; why they are not taken says most
        if (begunBefore === undefined && own.publisher.isUntouched())
          await positions.append(last).then(
            () => {
              entry = last
            },
            failed => context.log.warn(`epoch ${checkpoint.epoch} stays begun: ${failed}`),
          )
        throw error
      })
      for (const condition of conditions) await own.publisher.remove(condition)
      insertedAt = performance.now()
    }
    const { intent: _, ...settled } = next
    const published = { ...settled, checkpoint }
    await positions.append(published)
    entry = published
    context.metrics.count('inserts', staged.length)
    await clear(own)
  }

  /** What was published in part by a run that was cut off is finished only where that cannot go wrong. */
  async function refuseUnsure(
    intent: Intent,
    checkpoint: Checkpoint,
    blocks: readonly { rows: number; crc: number }[],
    table: Table,
  ): Promise<void> {
    if (!exact) return
    const { epoch } = intent.checkpoint
    const unsure = (why: string) =>
      new PipelineError(
        'state',
        `clickhouse: epoch ${epoch} was being inserted into ${shown} when a run was cut off, and ${why}, so that it cannot be told which of its rows are there: remove those by hand, and start again with --reset`,
      )
    if (!isDeepStrictEqual(intent.checkpoint, checkpoint)) throw unsure('its rows now come from other positions')
    const same = ({ rows, crc }: { rows: number; crc: number }, at: number) =>
      rows === intent.blocks[at]?.rows && crc === intent.blocks[at]?.crc
    // one insert is there as a whole or not at all, whatever order its rows are in
    const oneEach = blocks.length === 1 && intent.blocks.length === 1 && blocks[0]!.rows === intent.blocks[0]!.rows
    if (!oneEach && (blocks.length !== intent.blocks.length || !blocks.every(same)))
      throw unsure(`its rows now come in another order or number, which makes other inserts of them`)
    const { blocks: window, seconds = Number.POSITIVE_INFINITY } = table.window
    const since = (await retry('count the blocks', () => blocksOf(server, table))) - intent.base
    if (since >= window)
      throw unsure(`the table was given about ${since} blocks since, and knows the tokens of ${window}`)
    if ((Date.now() - intent.at) / 1000 >= seconds) throw unsure(`the table knows tokens for ${seconds} s only`)
  }

  /** The same epoch again is a replay whose rows are there already; anything else would lose rows or repeat them. */
  function refuseReplay(next: Checkpoint, last: Checkpoint): void {
    if (isDeepStrictEqual(next, last)) return
    throw new PipelineError(
      'state',
      `clickhouse: sink ${JSON.stringify(context.name)} has published epoch ${last.epoch} already, and cannot publish ${next.epoch === last.epoch ? 'another one of this number' : `epoch ${next.epoch}`}: start again with --reset`,
    )
  }

  async function clear({ stage, deletes }: Parts): Promise<void> {
    deletes.clear()
    await stage.clear()
  }

  return {
    begin,
    async write(batch, epoch) {
      const { preparer, stage } = begun().parts
      const ready = preparer.prepare(batch, versionFor(epoch))
      if (ready !== undefined) await stage.add(ready)
    },
    async commit(checkpoint) {
      const rows = parts?.stage.rows ?? 0
      try {
        await commit(checkpoint)
      } catch (error) {
        throw within(`publish ${rows} rows in table ${shown}`, error)
      }
    },
    async reset() {
      await positions.take(() => newRun())
    },
    async close() {
      await parts?.stage.clear()
      await server.close()
    },
  }
}

const newRun = (): Entry => ({ writer: '', run: crypto.randomUUID(), version: 0 })
