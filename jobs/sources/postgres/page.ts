import type { RecordBatch, Schema } from 'apache-arrow'
import { createAppender, createLast } from '../../drivers/postgres/appenders.ts'
import { createBinaryReader } from '../../drivers/postgres/copy-binary.ts'
import { quote } from '../../drivers/postgres/names.ts'
import type { PgSession } from '../../drivers/postgres/session.ts'
import { batchOf } from '../../runtime/batch/build.ts'
import { PipelineError, toPipelineError } from '../../runtime/errors.ts'
import { behind, type Place, upTo } from './position.ts'
import type { Column, Table } from './table.ts'

/** Bytes that pages come to. */
const wantedBytes = 8 * 1024 * 1024
/** A page that grew to this is cut there: memory stays bounded where rows became long. */
const mostBytes = 64 * 1024 * 1024
/** Rows of the first page, and by how much the next may be larger. */
const firstRows = 2048
const growth = 4

export interface Page {
  /** undefined: no row */
  batch: RecordBatch | undefined
  /** key of the last row that was looked at; undefined: there was none */
  last: readonly string[] | undefined
}

export interface PageOptions {
  table: Table
  columns: readonly Column[]
  schema: Schema
  filter: string | undefined
  /** rows at most */
  rows: number
  /** milliseconds that a statement may take; 0: no bound */
  timeout: number
}

/** Reads pages. A page that ran into the timeout, or became too large, is followed by smaller ones. */
export interface PageReader {
  /** The first rows behind `after`, up to `end`. */
  read(session: PgSession, after: Place, end: readonly string[]): Promise<Page>
}

export function createPageReader({ table, columns, schema, filter, rows: mostRows, timeout }: PageOptions): PageReader {
  let limit = Math.min(mostRows, firstRows)
  // by the table: a name alone would mean the text that is put out under it
  const order = table.key.map(({ name }) => `${table.sql}.${quote(name)}`).join(', ')
  const output = [
    ...columns.map(({ name, asText }) => (asText ? `${quote(name)}::text` : quote(name))),
    ...table.key.map(({ name }) => `${quote(name)}::text`),
  ]

  const select = (what: string, conditions: readonly string[], rows: number) =>
    `SELECT ${what} FROM ${table.sql}${conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`} ORDER BY ${order} LIMIT ${rows}`

  /** Where a page of so many rows ends, with or without those that the filter leaves out. */
  async function endOf(session: PgSession, conditions: readonly string[]): Promise<readonly string[] | undefined> {
    const texts = table.key.map(({ name }, at) => `page.${quote(name)}::text AS k${at}`).join(', ')
    const backwards = table.key.map(({ name }) => `page.${quote(name)} DESC`).join(', ')
    const inner = select(order, conditions, limit)
    const { rows } = await session.query(`SELECT ${texts} FROM (${inner}) AS page ORDER BY ${backwards} LIMIT 1`)
    return rows[0] && table.key.map((_, at) => rows[0]![`k${at}`] as string)
  }

  async function copy(
    session: PgSession,
    conditions: readonly string[],
  ): Promise<Page & { isCut: boolean; bytes: number }> {
    const values = columns.map(({ name, type }) => createAppender(`${table.shown}.${name}`, type))
    const keys = table.key.map(() => createLast())
    const reader = createBinaryReader([...values, ...keys])
    let bytes = 0
    const sql = `COPY (${select(output.join(', '), conditions, limit)}) TO STDOUT (FORMAT binary)`
    for await (const chunk of session.copyOut(sql)) {
      bytes += chunk.length
      reader.push(chunk)
      if (bytes > mostBytes && reader.rows > 0) break
    }
    const isCut = bytes > mostBytes && session.broken
    const { rows } = reader
    if (!isCut) reader.finish()
    if (rows === 0) return { batch: undefined, last: undefined, isCut, bytes }
    const batch = batchOf(
      schema,
      values.map(column => column.finish()),
      rows,
    )
    return { batch, last: keys.map(({ text }) => text!), isCut, bytes }
  }

  async function attempt(session: PgSession, after: Place, end: readonly string[]): Promise<Page> {
    const begun = performance.now()
    let conditions = [...behind(table, after), upTo(table, end)]
    let last: readonly string[] | undefined
    if (filter !== undefined) {
      last = await endOf(session, conditions)
      if (last === undefined) return { batch: undefined, last }
      conditions = [...behind(table, after), upTo(table, last), `(${filter}\n)`]
    }
    const page = await copy(session, conditions)
    const rows = page.batch?.numRows ?? 0
    const looked = page.isCut ? rows : limit
    const fitting = page.bytes === 0 ? mostRows : Math.floor((looked * wantedBytes) / page.bytes)
    const isSlow = timeout > 0 && performance.now() - begun > timeout / 4
    limit = Math.max(1, Math.min(mostRows, fitting, isSlow ? limit >> 1 : limit * growth))
    // what a page that was cut left out is not behind its end
    return { batch: page.batch, last: page.isCut ? page.last : (last ?? page.last) }
  }

  return {
    async read(session, after, end) {
      try {
        return await attempt(session, after, end)
      } catch (error) {
        const known = toPipelineError(error)
        if (known.code === 'timeout' && limit > 1) {
          limit = Math.max(1, limit >> 2)
          throw new PipelineError('timeout', `${known.message}: tries again with pages of ${limit} rows`, {
            cause: error,
          })
        }
        throw error
      }
    },
  }
}
