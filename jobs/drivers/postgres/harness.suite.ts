import { randomBytes } from 'node:crypto'
import { connectPg } from './connect.ts'
import { type Server, serverOfUrl } from './keys.ts'
import { quote } from './names.ts'
import type { PgSession } from './session.ts'

/** What tests that talk to a real server have in common. */

export const open = (server: Server, more: Partial<Parameters<typeof connectPg>[0]> = {}): Promise<PgSession> =>
  connectPg({ server, application: 'millrace test/node', ...more })

/** A schema of its own, which is removed with all that is in it. */
export interface Place extends AsyncDisposable {
  server: Server
  /** a session of the test itself */
  session: PgSession
  schema: string
}

export async function openPlace(url: string): Promise<Place> {
  const server = serverOfUrl(url)
  const session = await open(server)
  const schema = `t_${randomBytes(6).toString('hex')}`
  await session.query(`CREATE SCHEMA ${quote(schema)}`)
  return {
    server,
    session,
    schema,
    async [Symbol.asyncDispose]() {
      // the test may have left its session in whatever state
      session.destroy()
      const last = await open(server)
      await last.query(`SET client_min_messages = warning; DROP SCHEMA ${quote(schema)} CASCADE`)
      await last.close()
    },
  }
}

/** The first column of each row. */
export async function valuesOf(session: PgSession, sql: string, params: readonly unknown[] = []): Promise<unknown[]> {
  const { rows } = await session.query(sql, params)
  return rows.map(row => Object.values(row)[0])
}
