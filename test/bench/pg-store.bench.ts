import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { service } from '../support/servers.ts'
import { common, compare, defineBenchmark } from './harness/benchmark.ts'
import { runWorker } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import type { PgAppendResult } from './load/pg-append.ts'
import type { PgStoreCopyResult } from './reference/pg-store-copy.ts'

export const benchmark = defineBenchmark({
  about: 'durable events/s into the Postgres store ÷ bare COPY into the same table on one connection',
  options: {
    ...common,
    callers: 8,
    /** events of one append */
    rows: 1000,
    /** rows of one COPY of the reference, which is a commit */
    copy: 8000,
  },
  async run({ seconds, warmup, rounds, callers, rows, copy }) {
    const { skip, at } = service('postgres')
    if (skip) throw new Error(skip)
    const { ours, reference } = await alternate(rounds, {
      ours: () =>
        onDatabase(at.POSTGRES, async store => {
          const result = await runWorker<PgAppendResult>('load/pg-append.ts', { store, callers, rows, warmup, seconds })
          await checkStored(store, result.events)
          return result
        }),
      reference: () =>
        onDatabase(at.POSTGRES, store =>
          runWorker<PgStoreCopyResult>('reference/pg-store-copy.ts', { store, rows: copy, warmup, seconds }),
        ),
    })
    return [
      compare({
        bench: 'pg-store',
        unit: 'events/s',
        bar: 0.4,
        aim: 0.7,
        ours: ours.map(one => one.eventsPerSecond),
        reference: reference.map(one => one.eventsPerSecond),
        detail: {
          callers,
          append_size: rows,
          commit_size: { ours: ours.map(one => one.commitSize), reference: copy },
          verified_events: ours.map(one => one.events),
        },
      }),
    ]
  },
})

/** Runs `work` with the URL of a store in a database of its own, which is dropped. */
async function onDatabase<T>(url: string, work: (store: string) => Promise<T>): Promise<T> {
  const name = `bench_${randomUUID().replaceAll('-', '')}`
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(`create database ${name}`)
    const own = new URL(url)
    own.pathname = `/${name}`
    return await work(own.href)
  } finally {
    await client.query(`drop database if exists ${name} with (force)`)
    await client.end()
  }
}

/** Every acknowledged event is there, at a position of its own. */
async function checkStored(store: string, acked: number): Promise<void> {
  const client = new pg.Client({ connectionString: store, options: '-c search_path=millrace' })
  await client.connect()
  const { rows } = await client.query(
    `select (select sum(count) from streams)::int as count, count(*)::int as events,
       count(distinct (stream_id, stream_index))::int as positions from events`,
  )
  await client.end()
  assert.deepEqual(rows[0], { count: acked, events: acked, positions: acked })
}
