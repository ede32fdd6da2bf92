import type { Schema } from 'apache-arrow'
import { createBinaryReader } from '../../../drivers/postgres/copy-binary.ts'
import type { Appender } from '../../../drivers/postgres/fixed-width.ts'
import { wideAppender } from '../../../drivers/postgres/fixed-width.ts'
import { quote } from '../../../drivers/postgres/names.ts'
import type { PgSession } from '../../../drivers/postgres/session.ts'
import { batchOf } from '../../../runtime/batch/build.ts'
import { take } from '../../../runtime/batch/select.ts'
import { typeOf } from '../../../runtime/batch/types.ts'
import { PipelineError, toPipelineError } from '../../../runtime/errors.ts'
import type { Place } from '../position.ts'
import type { Page, Selection } from '../stores.ts'
import type { Column } from '../tables.ts'
import { appenderOf, sqlOf } from './columns.ts'

/** Bytes that pages come to. */
const wantedBytes = 8 << 20
/** A page that grew to this is cut there, which costs its connection: rows became long all at once. */
const mostBytes = 2 * wantedBytes
/** Rows of the first page, and by how much the next may be larger. */
const firstRows = 2048
const growth = 4
/** A page that took longer is followed by a smaller one; ms */
const slowMs = 2000

/** Reads pages of one table, one at a time: it owns the memory that they are built in. */
export interface PageReader {
  /** Rows with after < id <= to, the first of them. */
  read(session: PgSession, after: Place, to: number): Promise<Page>
}

export function createPageReader({ name, table, columns, rows: mostRows }: Selection, schema: Schema): PageReader {
  let limit = Math.min(mostRows, firstRows)
  const named = (wanted: string) => table.columns.find(column => column.name === wanted)!
  // where the page ends is told by the first two, whether they are handed on or not
  const read = [...new Set([named(table.id), named('received_at'), ...columns])]
  const id = quote(table.id)
  const inner = ['stream_id', ...read.filter(column => !column.ofStream).map(column => column.name)]
  const output = ['s.stream_id', ...read.map(column => sqlOf(column, 'r', 's'))]

  /** The limit counts rows of streams that are being deleted, too: they come without a stream. */
  const copyOf = (after: number, to: number) =>
    `COPY (SELECT ${output.join(', ')}
      FROM (SELECT ${[...new Set(inner)].map(quote).join(', ')} FROM ${name}
        WHERE ${id} > ${after} AND ${id} <= ${to} ORDER BY ${id} LIMIT ${limit}) AS r
      LEFT JOIN streams AS s ON s.stream_id = r.stream_id AND s.stream_key NOT LIKE E'\\x01%'
      ORDER BY r.${id}) TO STDOUT (FORMAT binary)`

  function nextLimit(bytes: number, ms: number): number {
    const fitting = bytes === 0 ? mostRows : Math.floor((limit * wantedBytes) / bytes)
    return Math.max(1, Math.min(mostRows, fitting, ms > slowMs ? limit >> 1 : limit * growth))
  }

  async function attempt(session: PgSession, after: Place, to: number): Promise<Page> {
    const begun = performance.now()
    const streams = wideAppender('stream_id', typeOf('int64'))
    const appenders = new Map<Column, Appender>(read.map(column => [column, appenderOf(column)]))
    const reader = createBinaryReader([streams, ...appenders.values()])
    let bytes = 0
    /** of the first `wantedBytes` */
    let head = 0
    for await (const chunk of session.copyOut(copyOf(after.id, to))) {
      bytes += chunk.length
      reader.push(chunk)
      if (bytes <= wantedBytes) head = reader.rows
      if (bytes > mostBytes && reader.rows > 0) break
    }
    const isCut = session.broken
    if (!isCut) reader.finish()
    const { rows } = reader
    const cut = isCut || rows === limit
    // those that follow are like the last ones
    if (isCut) limit = Math.max(1, rows - head)
    else limit = nextLimit(bytes, performance.now() - begun)
    if (rows === 0) return { batch: undefined, last: after, cut: false }
    const data = new Map([...appenders].map(([column, appender]) => [column, appender.finish()]))
    const [ids, times] = read.map(column => data.get(column)!.values as BigInt64Array)
    const last = { id: Number(ids![rows - 1]), receivedAt: Number(times![rows - 1]) }
    const batch = batchOf(
      schema,
      columns.map(column => data.get(column)!),
      rows,
    )
    const stream = streams.finish()
    if (stream.nullCount === 0) return { batch, last, cut }
    const kept = Array.from({ length: rows }, (_, row) => row).filter(row => stream.getValid(row))
    return { batch: kept.length === 0 ? undefined : take(batch, kept), last, cut }
  }

  return {
    async read(session, after, to) {
      try {
        return await attempt(session, after, to)
      } catch (error) {
        const { code, message } = toPipelineError(error)
        if (code !== 'timeout' || limit === 1) throw error
        limit = Math.max(1, limit >> 2)
        throw new PipelineError('timeout', `${message}: tries again with pages of ${limit} rows`, { cause: error })
      }
    },
  }
}
