import type { Schema } from 'apache-arrow'
import { batchOf } from '../../../runtime/batch/build.ts'
import type { Place } from '../position.ts'
import type { Page, Selection } from '../stores.ts'
import { arrowTypes, type Column } from '../tables.ts'
import { createJoinedReader } from './joined.ts'
import { createRowReader } from './rows.ts'
import { fromOf, pageBytes, quoted } from './selection.ts'
import type { Session } from './store.ts'
import { createStreams } from './streams.ts'

/** Rows of the first page; later ones grow by a quarter as long as their bytes allow. */
const firstRows = 16_384
const growth = 1.25
/** A page that took longer is followed by a smaller one: no read transaction of ours is to come near 1 s; ms */
const pageMs = 150
const fewestRows = 256

/** Reads pages of one table. One per reader: it owns the memory that pages are built in. */
export interface PageReader {
  /** Rows with after < id <= to, the first of them, in one short read transaction. */
  read(session: Session, after: Place, to: number): Page
}

export function createPageReader(selection: Selection, schema: Schema): PageReader {
  const readRows = createRowReader(selection)
  const readJoined = createJoinedReader(selection)
  const streams = createStreams(selection.columns)
  const sizes = selection.columns.filter(isVarying).map(({ name }) => `coalesce(octet_length(${quoted(name)}), 0)`)
  // SQLite tells a length from the head of a row, without its text
  const measure = `select total(bytes) from (select ${sizes.join(' + ') || '0'} as bytes ${fromOf(selection)})`
  let limit = Math.min(selection.rows, firstRows)

  function read(session: Session, after: Place, to: number): Page {
    const begun = performance.now()
    const bytes = session.prepare(measure).pluck()
    for (let found: number; (found = bytes.get(after.id, to, limit) as number) > pageBytes && limit > 1; )
      limit = Math.max(1, Math.floor((limit * pageBytes) / found))
    const bounds = [after.id, to, limit] as const
    const streamOf = streams(session)
    const part = readJoined?.(session, bounds, streamOf) ?? readRows(session, bounds, streamOf)
    const { columns, kept, seen, last, full } = part
    const cut = full || seen === limit
    limit = Math.min(selection.rows, nextLimit(full ? seen : limit, seen, performance.now() - begun))
    return { batch: kept === 0 ? undefined : batchOf(schema, columns, kept), last: last ?? after, cut }
  }

  return { read: (session, after, to) => session.db.transaction(() => read(session, after, to))() }
}

function nextLimit(limit: number, seen: number, ms: number): number {
  if (ms <= pageMs) return Math.ceil(limit * growth)
  return Math.max(fewestRows, Math.floor((seen * pageMs) / ms))
}

const isVarying = ({ kind, ofStream }: Column) =>
  !ofStream && (arrowTypes[kind] === 'utf8' || arrowTypes[kind] === 'binary')
