import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { AppendOutcome } from '../store.ts'

/** A database of its own for the tests of one file, on the server at `url`. */
export interface TestDatabase {
  /** of a store in it */
  url: string
  /** Runs SQL beside the store, with its schema as search path. */
  sql<T extends object = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<T[]>
  drop(): Promise<void>
}

export async function createDatabase(url: string, settings = ''): Promise<TestDatabase> {
  const name = `store_${randomUUID().replaceAll('-', '')}`
  const admin = async (text: string) => {
    const client = new pg.Client(url)
    await client.connect()
    try {
      await client.query(text)
    } finally {
      await client.end()
    }
  }
  await admin(`create database ${name} ${settings}`)
  const own = new URL(url)
  own.pathname = `/${name}`
  const pool = new pg.Pool({ connectionString: own.href, max: 2, options: '-c search_path=millrace' })
  // the server is restarted under it
  pool.on('error', () => {})
  return {
    url: own.href,
    sql: async <T extends object>(text: string, values: readonly unknown[] = []) =>
      (await pool.query<T & pg.QueryResultRow>(text, [...values])).rows as T[],
    async drop() {
      await pool.end()
      await admin(`drop database ${name} with (force)`)
    },
  }
}

/** The payloads of all streams by key, once positions, counts and ids agree. */
export async function contents(database: TestDatabase): Promise<Record<string, string[]>> {
  const streams = await database.sql<{
    key: string
    count: string
    letters: string
    events: [number, string][] | null
  }>(
    `select stream_key as key, count, (select count(*) from dead_letters d where d.stream_id = s.stream_id) as letters,
       (select json_agg(json_build_array(stream_index, payload::text) order by event_id) from events e where e.stream_id = s.stream_id) as events
     from streams s order by stream_key`,
  )
  const found: Record<string, string[]> = {}
  for (const { key, count, letters, events } of streams) {
    const list = events ?? []
    assert.equal(list.length + Number(letters), Number(count), `the count of stream ${key}`)
    if (letters === '0')
      assert.ok(
        list.every(([index], k) => index === k),
        `positions of ${key} in the order of their ids`,
      )
    found[key] = list.map(([, payload]) => payload)
  }
  return found
}

/** `count` payloads that all differ. */
export const payloads = (count: number, from = 0): string[] => Array.from({ length: count }, (_, k) => `"${from + k}"`)

export function stored(outcome: AppendOutcome): Extract<AppendOutcome, { ok: true }> {
  assert.ok(outcome.ok, JSON.stringify(outcome))
  return outcome
}

/** Waits for what is to happen by itself. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> {
  const deadline = performance.now() + ms
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, `${what}: not within ${ms} ms`)
    await delay(10)
  }
}
