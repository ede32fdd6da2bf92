import type { Column } from '../tables.ts'
import type { Session } from './store.ts'

/** A stream that is being deleted has a key that begins with this; see the gateway's store. */
const tombstone = '\u0001'

/** Texts of the chosen columns of a stream, in their order; undefined: it is deleted, or on its way there. */
export type StreamOf = (id: number) => readonly string[] | undefined

/** Remembers for one page only: keys and headers never change, but a stream may go at any time. */
export function createStreams(columns: readonly Column[]): (session: Session) => StreamOf {
  const names = columns.filter(column => column.ofStream).map(column => column.name)
  const select = `select ${['stream_key', ...names].join(', ')} from streams where stream_id = ?`
  return session => {
    const statement = session.prepare(select).raw()
    const known = new Map<number, readonly string[] | undefined>()
    return id => {
      if (!known.has(id)) {
        const row = statement.get(id) as string[] | undefined
        known.set(id, row === undefined || row[0]!.startsWith(tombstone) ? undefined : row.slice(1))
      }
      return known.get(id)
    }
  }
}
