import { Field, Schema } from 'apache-arrow'
import { quote } from '../../drivers/postgres/names.ts'
import type { PgSession } from '../../drivers/postgres/session.ts'
import type { NodeContext, Source } from '../../runtime/contract.ts'
import { PipelineError, toPipelineError } from '../../runtime/errors.ts'
import { createConnection } from './connection.ts'
import { createPageReader } from './page.ts'
import { behind, placeOf, positionOf } from './position.ts'
import type { PostgresSourceConfig } from './postgres.ts'
import { createReader } from './reader.ts'
import { type Column, readTable, type Table } from './table.ts'

export async function openPostgresSource(config: PostgresSourceConfig, context: NodeContext): Promise<Source> {
  const { postgres_source: settings, record_batch_size } = context.settings
  const connection = createConnection(context)
  try {
    const { table, columns, end } = await connection.use(`open ${config.schema}.${config.table}`, async session => {
      const table = await readTable(session, config)
      if (table.hides)
        context.log.warn(
          `row-level security of ${table.shown} applies to this user: rows that its policies hide are not read (a user with BYPASSRLS sees all)`,
        )
      const columns = choose(table, config.columns)
      await tryOut(session, table, columns, config)
      return { table, columns, end: await lastOf(session, table) }
    })
    const schema = new Schema(columns.map(({ name, type, nullable }) => new Field(name, type, nullable)))
    const pages = createPageReader({
      table,
      columns,
      schema,
      filter: config.filter,
      rows: Math.min(config.page_size ?? settings.page_size, record_batch_size ?? Number.POSITIVE_INFINITY),
      timeout: settings.statement_timeout_secs * 1000,
    })
    const isKeyRead = table.primaryKey.every(name => columns.some(column => column.name === name))

    return {
      schema,
      ...(table.primaryKey.length > 0 && isKeyRead && { primaryKey: table.primaryKey }),
      bounded: true,
      start: async () => positionOf(table, config.start_at === undefined ? {} : { from: String(config.start_at) }),
      read: (from, to) =>
        createReader({
          connection,
          pages,
          schema,
          table,
          from: placeOf(table, from),
          end: to === undefined ? end : placeOf(table, to).after,
        }),
      close: () => connection.close(),
    }
  } catch (error) {
    await connection.close()
    throw error
  }
}

function choose({ shown, columns }: Table, wanted: readonly string[]): readonly Column[] {
  if (wanted.length === 0) return columns
  return wanted.map((name, at) => {
    const found = columns.find(column => column.name === name)
    if (found !== undefined && wanted.indexOf(name) === at) return found
    const why =
      found === undefined
        ? `${shown} has no column ${JSON.stringify(name)}: it has ${columns.map(column => column.name).join(', ')}`
        : `the column ${name} is named twice`
    throw new PipelineError('bad_pipeline', why, { path: ['columns'] })
  })
}

/** What the server would say of the first page is said now, with the key that is to blame. */
async function tryOut(
  session: PgSession,
  table: Table,
  columns: readonly Column[],
  config: PostgresSourceConfig,
): Promise<void> {
  const names = [...columns, ...table.key].map(({ name }) => quote(name)).join(', ')
  const ask = async (condition: string, path: string[]) => {
    try {
      // with a parameter it is one statement, whatever the condition says
      await session.query(`SELECT ${names} FROM ${table.sql} WHERE $1 AND ${condition} LIMIT 0`, [true])
    } catch (error) {
      const { code, message } = toPipelineError(error)
      throw new PipelineError(code === 'bad_data' ? 'bad_pipeline' : code, message, { path, cause: error })
    }
  }
  await ask('true', [])
  if (config.start_at !== undefined) await ask(behind(table, { from: String(config.start_at) }).join(), ['start_at'])
  // as it stands here, parentheses cannot end it
  if (config.filter !== undefined) await ask(`CASE WHEN ${config.filter}\n THEN true END`, ['filter'])
}

/** The key of the last row that is there now: what comes later belongs to the next run. */
async function lastOf(session: PgSession, { sql, key }: Table): Promise<readonly string[] | undefined> {
  const texts = key.map(({ name }, at) => `${sql}.${quote(name)}::text AS k${at}`).join(', ')
  const order = key.map(({ name }) => `${sql}.${quote(name)} DESC`).join(', ')
  const { rows } = await session.query<Record<string, string>>(`SELECT ${texts} FROM ${sql} ORDER BY ${order} LIMIT 1`)
  return rows[0] && key.map((_, at) => rows[0]![`k${at}`]!)
}
