import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import pg from 'pg'
import { makePartitions } from '../../../../gateway/store/postgres/partitions.ts'
import type { TestDatabase } from '../../../../test/support/postgres.ts'
import type { TestStore } from '../../../sources/events/harness.suite.ts'

/** What tests of retention and vacuum in Postgres have in common. */

export const schemaOf = ({ url }: Pick<TestStore, 'url'>) => new URL(url).searchParams.get('schema')!

/** A connection of somebody else, which may leave its transaction open. */
export async function clientOf(t: TestContext, own: Pick<TestStore, 'url'>): Promise<pg.Client> {
  const url = new URL(own.url)
  url.search = ''
  const client = new pg.Client({ connectionString: url.href, application_name: 'somebody' })
  await client.connect()
  t.after(() => client.end())
  await client.query(`set search_path = ${schemaOf(own)}`)
  return client
}

/** The partitions of the days that begin `ages` days ago, as a gateway makes them when they come, and those after. */
export async function makeDays(t: TestContext, own: TestStore, ages: readonly number[]): Promise<pg.Client> {
  const client = await clientOf(t, own)
  for (const age of ages) {
    await client.query('begin')
    await makePartitions(
      client,
      { schema: schemaOf(own), url: own.url, name: own.shown },
      Date.now() - age * 86_400_000,
    )
    await client.query('commit')
  }
  return client
}

/** Days of the partitions of `events` that are there, as ages; the default one is no day. */
export async function daysOf(client: pg.Client): Promise<number[]> {
  const { rows } = await client.query<{ day: string }>(
    `select right(c.relname, 8) as day from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'events'::regclass and c.relname <> 'events_default' order by c.relname`,
  )
  const today = Math.floor(Date.now() / 86_400_000)
  return rows.map(({ day }) => today - Date.parse(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`) / 86_400_000)
}

export const insert = (payload: string, receivedAt: number) =>
  `insert into events (stream_id, stream_index, received_at, payload)
   values (1, 1000 + ${payload}, ${receivedAt}, '{"n":${payload}}')`

/** Resolves once a retention has found its partitions, and somebody who uses one. */
export async function trying(client: pg.Client): Promise<void> {
  const sql = `select from pg_stat_activity where datname = current_database() and application_name = 'millrace retention'
    and (query like 'SELECT l.pid%' or wait_event_type = 'Lock')`
  while ((await client.query(sql)).rowCount === 0);
}

/** A user of the server who has nothing yet but the right to look at a store; `url` is the store as that user. */
export async function readerOf(t: TestContext, { query }: TestDatabase, own: TestStore) {
  const name = `u_${randomBytes(6).toString('hex')}`
  await query(`create role ${name} login password 'secret'`)
  await query(`grant usage on schema ${schemaOf(own)} to ${name}`)
  await query(`grant select on all tables in schema ${schemaOf(own)} to ${name}`)
  await query(`grant select on all sequences in schema ${schemaOf(own)} to ${name}`)
  t.after(async () => {
    await query(`drop owned by ${name}`)
    await query(`drop role ${name}`)
  })
  const url = new URL(own.url)
  url.username = name
  url.password = 'secret'
  return { name, url: url.href }
}
