import { randomBytes } from 'node:crypto'
import { after } from 'node:test'
import pg from 'pg'

/** A database of its own on a server that tests share; dropped after the tests of the file. */
export interface TestDatabase {
  url: string
  query(sql: string, params?: readonly unknown[]): Promise<Record<string, unknown>[]>
}

export async function testDatabase(server: string): Promise<TestDatabase> {
  const name = `t_${randomBytes(6).toString('hex')}`
  const admin = new pg.Client({ connectionString: server })
  await admin.connect()
  await admin.query(`create database ${name}`)
  const url = Object.assign(new URL(server), { pathname: `/${name}` }).href
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  after(async () => {
    await client.end()
    await admin.query(`drop database ${name} with (force)`)
    await admin.end()
  })
  return {
    url,
    query: async (sql, params = []) => (await client.query(sql, [...params])).rows,
  }
}
