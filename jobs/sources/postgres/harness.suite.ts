import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connectPg } from '../../drivers/postgres/connect.ts'
import { serverOfUrl } from '../../drivers/postgres/keys.ts'
import type { PgSession } from '../../drivers/postgres/session.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import type { NodeContext, Position, Source, SourceReader } from '../../runtime/contract.ts'
import { quietContext, retrying } from '../../runtime/harness/context.suite.ts'
import { settingsSchema } from '../../settings.ts'
import { postgres } from './postgres.ts'

/** What the tests of this room have in common. */

export interface Place {
  url: string
  schema: string
  session: PgSession
  /** statements of the test itself, in its schema */
  run(sql: string): Promise<Record<string, unknown>[]>
}

/** A schema of the test's own, which goes at its end. */
export async function placeFor(t: TestContext, url: string): Promise<Place> {
  const session = await connectPg({ server: serverOfUrl(url), application: 'millrace test' })
  const schema = `t_${randomBytes(6).toString('hex')}`
  await session.query(`CREATE SCHEMA ${schema}; SET search_path = ${schema}`)
  t.after(async () => {
    await session.query(`SET client_min_messages = warning; DROP SCHEMA ${schema} CASCADE`)
    await session.close()
  })
  return { url, schema, session, run: async sql => (await session.query(sql)).rows }
}

export interface Given {
  /** keys of `postgres_source` */
  settings?: Record<string, unknown>
  tries?: number
  onRetry?: (message: string) => void
  more?: Partial<NodeContext>
}

export function contextFor(url: string, { settings, tries = 0, onRetry = () => {}, more }: Given = {}): NodeContext {
  const { host, port, user, password, database: db, sslmode } = serverOfUrl(url)
  return quietContext({
    name: 'orders',
    settings: settingsSchema.parse({ postgres_source: { host, port, user, password, db, sslmode, ...settings } }),
    retry: retrying({ tries, pause: () => delay(20), onRetry }),
    ...more,
  })
}

export async function openFor(
  t: TestContext,
  { url, schema }: Pick<Place, 'url' | 'schema'>,
  config: Record<string, unknown>,
  given: Given = {},
): Promise<Source> {
  const source = await postgres.open(postgres.config.parse({ schema, ...config }), contextFor(url, given))
  t.after(() => source.close())
  return source
}

export interface Part {
  rows: Record<string, unknown>[]
  position: Position
}

/** The parts that a reader gives, to its end or the first `most`. */
export async function partsOf(reader: SourceReader, most = Number.POSITIVE_INFINITY): Promise<Part[]> {
  const parts: Part[] = []
  while (parts.length < most) {
    const part = await reader.next()
    if (part === undefined) break
    parts.push({ rows: rowsOf(part.batch), position: part.position })
  }
  await reader.close()
  return parts
}

export const allOf = async (source: Source, from?: Position, to?: Position): Promise<Record<string, unknown>[]> =>
  (await partsOf(source.read(from ?? (await source.start()), to))).flatMap(({ rows }) => rows)
