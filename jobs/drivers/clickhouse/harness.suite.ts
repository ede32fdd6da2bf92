import { randomBytes } from 'node:crypto'
import { after } from 'node:test'
import type { Row } from '../../runtime/batch/build.ts'
import { OP } from '../../runtime/batch/types.ts'
import { type Watched, watched } from '../../runtime/harness/context.suite.ts'
import { batchOf as batchAsGiven, type Types } from '../../runtime/harness/sink.suite.ts'
import { settingsSchema } from '../../settings.ts'
import { type ClickHouse, openClickHouse } from './client.ts'
import type { Server } from './keys.ts'

/** What tests on a ClickHouse server have in common. */

/** `http://user:password@host:port` */
export function serverOf(address: string, database = 'default'): Server {
  const { origin, username, password } = new URL(address)
  return { url: origin, user: username || 'default', password, database }
}

export interface TestDatabase extends ClickHouse {
  name: string
  server: Server
}

/** A database of the file's own, which goes with it. */
export async function testDatabase(address: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(5).toString('hex')}`
  const signal = new AbortController().signal
  const outer = openClickHouse({ server: serverOf(address), timeout: 60_000, signal })
  await outer.run(`CREATE DATABASE ${name}`)
  const server = serverOf(address, name)
  const inner = openClickHouse({ server, timeout: 60_000, signal })
  after(async () => {
    await outer.run(`DROP DATABASE IF EXISTS ${name}`)
    await outer.close()
    await inner.close()
  })
  return { ...inner, name, server }
}

export interface Given {
  name?: string
  pipeline?: string
  sink?: object
  source?: object
  settings?: object
}

/** What a node is given that talks to this server. Inserts are not spaced out. */
export function contextFor(server: Server, { name, pipeline, sink, source, settings }: Given = {}): Watched {
  const context = watched({ ...(name !== undefined && { name }), ...(pipeline !== undefined && { pipeline }) })
  return {
    ...context,
    settings: settingsSchema.parse({
      clickhouse_sink: { ...server, compression: 'none', batch_flush_interval: 0.001, ...sink },
      clickhouse_source: { ...server, ...source },
      ...settings,
    }),
  }
}

/** Rows as one batch; a row without `_gs_op` is an insert. */
export const batchOf = (types: Types, rows: readonly Row[]) =>
  batchAsGiven(
    { ...types, [OP]: 'utf8' },
    rows.map(row => ({ [OP]: 'i', ...row })),
  )
