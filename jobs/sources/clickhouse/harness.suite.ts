import type { TestContext } from 'node:test'
import { contextFor, type Given, type TestDatabase } from '../../drivers/clickhouse/harness.suite.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import type { Json, Position, Source } from '../../runtime/contract.ts'
import type { Watched } from '../../runtime/harness/context.suite.ts'
import { clickhouse } from './clickhouse.ts'

/** What tests of the source have in common. */

export async function openSource(
  t: TestContext,
  { server }: TestDatabase,
  config: object,
  given: Given & { context?: Watched } = {},
) {
  const context = given.context ?? contextFor(server, given)
  const source = await clickhouse.open(clickhouse.config.parse(config), context)
  t.after(() => source.close())
  return { source, context }
}

export interface Page {
  rows: Record<string, Json>[]
  position: Position
}

export async function drain(source: Source, from: Position, to?: Position) {
  const reader = source.read(from, to)
  const pages: Page[] = []
  for (let next = await reader.next(); next !== undefined; next = await reader.next())
    pages.push({ rows: rowsOf(next.batch), position: next.position })
  await reader.close()
  return { pages, rows: pages.flatMap(({ rows }) => rows) }
}

/** All rows, from the start. */
export async function readAll(...open: Parameters<typeof openSource>) {
  const opened = await openSource(...open)
  return { ...opened, ...(await drain(opened.source, await opened.source.start())) }
}

let tables = 0

/** A table of the test's own, of these columns and rows. */
export async function made(db: TestDatabase, columns: string, engine: string, ...inserts: string[]): Promise<string> {
  const name = `t${++tables}`
  await db.run(`CREATE TABLE ${name} (${columns}) ENGINE = ${engine}`)
  for (const insert of inserts) await db.run(`INSERT INTO ${name} ${insert}`, { settings: { async_insert: 0 } })
  return name
}
