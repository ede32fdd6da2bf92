import { randomBytes } from 'node:crypto'
import { after, type TestContext } from 'node:test'
import { connectPg } from '../../drivers/postgres/connect.ts'
import { serverOfUrl } from '../../drivers/postgres/keys.ts'
import { settingsSchema } from '../../settings.ts'
import type { StateBackend, StateOptions } from '../state.ts'
import { openPostgresState } from './postgres.ts'

/** What the tests of this room have in common. */

export type StateSettings = Parameters<typeof openPostgresState>[0]

/** Settings for a schema of the test's own; nothing is made yet. */
export function settingsOf(url: string, schema = `t_${randomBytes(6).toString('hex')}`): StateSettings {
  const { host, port, user, password, database, sslmode } = serverOfUrl(url)
  const postgres = { host, port, user, password, db: database, sslmode, state_schema_name: schema }
  return settingsSchema.parse({ state_backend: { backend_type: 'Postgres', postgres } }).state_backend.postgres
}

/** Statements of the test itself; the schema is dropped at the end. */
export async function ask(
  url: string,
  sql: string,
  params: readonly unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const session = await connectPg({ server: serverOfUrl(url), application: 'millrace test' })
  try {
    return (await session.query(sql, params)).rows
  } finally {
    await session.close()
  }
}

const schemas = new Map<string, string>()

/** The schema goes at the end of the file. */
export function settingsFor(url: string): StateSettings {
  const settings = settingsOf(url)
  schemas.set(settings.state_schema_name, url)
  return settings
}

after(async () => {
  for (const [schema, url] of schemas)
    await ask(url, `SET client_min_messages = warning; DROP SCHEMA IF EXISTS "${schema}" CASCADE`)
})

export async function openFor(t: TestContext, settings: StateSettings, options?: StateOptions): Promise<StateBackend> {
  const state = await openPostgresState(settings, options)
  t.after(() => state.close())
  return state
}
