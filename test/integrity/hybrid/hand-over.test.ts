import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { rowsOf } from '../../../jobs/runtime/batch/rows.ts'
import type { Position, Source, SourceReader } from '../../../jobs/runtime/contract.ts'
import { quietContext } from '../../../jobs/runtime/harness/context.suite.ts'
import { settingsSchema } from '../../../jobs/settings.ts'
import { sources } from '../../../jobs/sources/index.ts'
import { seeded } from '../../bench/load/events.ts'
import { type KafkaPeer, openKafkaPeer } from '../../support/kafka-peer.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'
import { service } from '../../support/servers.ts'

/**
 * A table is filled from a topic while a hybrid source reads the table and then goes on with the topic. Wherever rows come
 * up in the table, before or behind the place where it is read just now, none may be missed; what both have comes twice,
 * for a sink that upserts. A row is an id, which is its key in a random order; a schedule is a seed.
 */

const seeds = Number(process.env.MILLRACE_HYBRID_SEEDS ?? 8)
const first = Number(process.env.MILLRACE_HYBRID_SEED ?? 1)
const [postgres, kafka, registry] = [service('postgres'), service('kafka'), service('registry')]
const skip = postgres.skip || kafka.skip || registry.skip
const run = randomBytes(4).toString('hex')
const patience = 30_000

let peer: KafkaPeer
let database: TestDatabase
if (!skip) {
  peer = await openKafkaPeer(kafka.at.KAFKA, registry.at.REGISTRY)
  after(() => peer.close())
  database = await testDatabase(postgres.at.POSTGRES)
}

interface Schedule {
  random: () => number
  partitions: number
  /** ids by partition, in the order in which they are sent */
  log: number[][]
}

function scheduleOf(seed: number): Schedule {
  const random = seeded(seed)
  const rows = 60 + Math.floor(random() * 300)
  const partitions = 1 + Math.floor(random() * 3)
  const ids = Array.from({ length: rows }, (_, id) => ({ id, at: random() }))
  const log: number[][] = Array.from({ length: partitions }, () => [])
  for (const { id } of ids.sort((a, b) => a.at - b.at)) log[Math.floor(random() * partitions)]!.push(id)
  return { random, partitions, log }
}

/** Sends rows to the topic, and brings them on to the table, some later, in the order of each partition. */
function createWriter({ random, log }: Schedule, topic: string, table: string) {
  const sent = log.map(() => 0)
  const stored = log.map(() => 0)
  const some = (left: number) => (left === 0 ? 0 : 1 + Math.floor(random() * left))

  async function send(partition: number, count: number): Promise<void> {
    const from = sent[partition]!
    const ids = log[partition]!.slice(from, from + count)
    if (ids.length === 0) return
    await peer.sendJson(
      topic,
      partition,
      ids.map(id => ({ id, part: partition })),
    )
    sent[partition] = from + ids.length
  }
  async function store(partition: number, count: number): Promise<void> {
    const from = stored[partition]!
    const ids = log[partition]!.slice(from, Math.min(from + count, sent[partition]!))
    if (ids.length === 0) return
    const values = ids.map((id, at) => `(${id}, ${partition}, ${from + at})`).join(', ')
    await database.query(`insert into ${table} (id, part, off) values ${values}`)
    stored[partition] = from + ids.length
  }

  return {
    /** A few rows further, at some partitions. */
    async step(): Promise<void> {
      for (const [partition, ids] of log.entries()) {
        if (random() < 0.6) await send(partition, some(Math.min(30, ids.length - sent[partition]!)))
        if (random() < 0.6) await store(partition, some(Math.min(30, sent[partition]! - stored[partition]!)))
      }
    },
    async finish(): Promise<void> {
      for (const [partition, ids] of log.entries()) {
        await send(partition, ids.length)
        await store(partition, ids.length)
      }
    },
  }
}

async function openHybrid(topic: string, table: string, signal: AbortSignal): Promise<Source> {
  const server = new URL(database.url)
  const settings = settingsSchema.parse({
    record_batch_interval_ms: 1,
    postgres_source: {
      host: server.hostname,
      port: Number(server.port),
      user: server.username,
      password: server.password,
      db: server.pathname.slice(1),
      sslmode: 'disable',
    },
    kafka_source: { brokers: kafka.at.KAFKA, schema_registry_url: registry.at.REGISTRY },
  })
  const definition = await sources.hybrid!()
  const config = definition.config.parse({
    bounded_sources: [{ source_type: 'postgres', table, columns: 'id, part', page_size: 7 }],
    unbounded_source: { source_type: 'kafka', topic, data_format: 'json', schema: { id: 'int64', part: 'int64' } },
    offset_table: { table_name: table, topic_column: null, partition_column: 'part', offset_column: 'off' },
    primary_key: 'id',
  })
  return definition.open(config, quietContext({ name: 'orders', settings, signal }))
}

async function runSchedule(seed: number): Promise<{ twice: number }> {
  const schedule = scheduleOf(seed)
  const { random, partitions, log } = schedule
  const [topic, table] = [`hand-over.${run}.${seed}`, `orders_${seed}`]
  await peer.createTopic(topic, partitions)
  await database.query(`create table ${table} (id bigint primary key, part bigint not null, off bigint not null)`)
  const writer = createWriter(schedule, topic, table)
  for (let steps = Math.floor(random() * 4); steps > 0; steps--) await writer.step()

  const ending = new AbortController()
  const wanted = log.flat().length
  const seen = new Map<number, number>()
  let source = await openHybrid(topic, table, ending.signal)
  let position: Position = await source.start()
  let reader: SourceReader = source.read(position)
  try {
    const deadline = performance.now() + patience
    for (let finished = false; seen.size < wanted; ) {
      assert.ok(performance.now() < deadline, `seed ${seed}: ${wanted - seen.size} of ${wanted} rows do not come`)
      if (random() < 0.7) await writer.step()
      else if (random() < 0.2 && !finished) {
        await writer.finish()
        finished = true
      }
      if (random() < 0.1) {
        // as after a crash: all that is known is the position
        await reader.close()
        await source.close()
        source = await openHybrid(topic, table, ending.signal)
        position = JSON.parse(JSON.stringify(position)) as Position
        reader = source.read(position)
      }
      const next = reader.next()
      let item = await Promise.race([next, sleep(finished ? 1000 : 20).then(() => 'late' as const)])
      if (item === 'late') {
        // it waits for rows of the topic: now there are some
        await writer.finish()
        finished = true
        item = await Promise.race([next, sleep(patience).then(() => 'late' as const)])
      }
      assert.ok(
        item !== undefined && item !== 'late',
        `seed ${seed}: the source gives no row, of ${wanted} ${seen.size} came`,
      )
      position = item.position
      for (const { id } of rowsOf(item.batch)) seen.set(Number(id), (seen.get(Number(id)) ?? 0) + 1)
    }
  } finally {
    ending.abort()
    await reader.close().catch(() => {})
    await source.close()
  }
  assert.deepEqual(
    [...seen.keys()].sort((a, b) => a - b),
    Array.from({ length: wanted }, (_, id) => id),
  )
  return { twice: [...seen.values()].filter(count => count > 1).length }
}

test(`no row is missed between table and topic, over ${seeds} schedules`, { skip }, async t => {
  let twice = 0
  for (let seed = first; seed < first + seeds; seed++) twice += (await runSchedule(seed)).twice
  t.diagnostic(`${seeds} schedules; ${twice} rows came more than once`)
})
