import { randomBytes } from 'node:crypto'
import pg from 'pg'

/** Connection settings of a pipeline for a URL, of section `postgres_sink` or `postgres_source`. */
export function postgresSettings(section: string, url: string): Record<string, string> {
  const { hostname, port, username, password, pathname } = new URL(url)
  return {
    [`${section}__host`]: hostname,
    [`${section}__port`]: port,
    [`${section}__user`]: username,
    [`${section}__pass`]: password,
    [`${section}__db`]: pathname.slice(1),
  }
}

/** Orders and their amounts by country, without `from`. */
export const totalsSink = (schema: string) => ({
  type: 'postgres_aggregate',
  schema,
  landing_table: 'landing',
  agg_table: 'totals',
  primary_key: 'id',
  group_by: { country: {} },
  aggregate: { orders: { fn: 'count' }, total: { from: 'amount', fn: 'sum' } },
})

export async function queryPostgres(url: string, sql: string): Promise<{ found?: string }[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** `sql` gives `found`. */
export async function expectCount(url: string, sql: string, expected: number): Promise<void> {
  const found = Number((await queryPostgres(url, sql))[0]?.found)
  if (found !== expected) throw new Error(`${sql}: ${found}, expected ${expected}`)
}

/** A schema of its own, which is dropped; a checkpoint of the server before it keeps that out of the measured time. */
export async function inSchema<T>(url: string, work: (schema: string) => Promise<T>): Promise<T> {
  const schema = `bench_${randomBytes(6).toString('hex')}`
  await queryPostgres(url, 'checkpoint')
  try {
    return await work(schema)
  } finally {
    await queryPostgres(url, `drop schema if exists ${schema} cascade`)
  }
}

export async function queryClickHouse(url: string, sql: string): Promise<string> {
  const { origin, username, password } = new URL(url)
  const headers = { 'X-ClickHouse-User': username || 'default', 'X-ClickHouse-Key': password }
  const response = await fetch(origin, { method: 'POST', headers, body: sql })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return text
}

/** A database of its own, which is dropped. */
export async function inDatabase<T>(url: string, work: (database: string) => Promise<T>): Promise<T> {
  const database = `bench_${randomBytes(4).toString('hex')}`
  await queryClickHouse(url, `CREATE DATABASE ${database}`)
  try {
    return await work(database)
  } finally {
    await queryClickHouse(url, `DROP DATABASE ${database}`)
  }
}
