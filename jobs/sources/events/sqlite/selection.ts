import type { Data } from 'apache-arrow'
import type { Place } from '../position.ts'
import type { Selection } from '../stores.ts'
import type { Session } from './store.ts'
import type { StreamOf } from './streams.ts'

/** A page ends at about so many bytes: what a thread takes in one go, and a read transaction holds. */
export const pageBytes = 8 << 20
/** No page takes another row above this, whatever was expected of it. */
export const mostBytes = pageBytes * 1.25

/** Rows with after < id <= to, and `limit` at most. */
export type Bounds = readonly [after: number, to: number, limit: number]

/** What a way of reading gives: the rows within the bounds, or the first of them. */
export interface Part {
  columns: Data[]
  /** rows in `columns` */
  kept: number
  /** rows that were looked at */
  seen: number
  /** the last of them; undefined: there was none */
  last: Place | undefined
  /** it ended by its bytes */
  full: boolean
}

/** Undefined: these rows must be read in another way. */
export type ReadPart = (session: Session, bounds: Bounds, streamOf: StreamOf) => Part | undefined

export const fromOf = ({ name, table: { id } }: Selection) =>
  `from ${name} where ${id} > ? and ${id} <= ? order by ${id} limit ?`

export const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
