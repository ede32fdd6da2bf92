import type { RecordBatch, Schema } from 'apache-arrow'
import type { NodeContext } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { Place } from './position.ts'
import type { Column, Table, TableName } from './tables.ts'

/**
 * What the source needs of a gateway's store: a folder per kind. All that may pass by itself is tried again inside
 * (`context.retry`); a store that cannot be the one that gave a place is an error `state`.
 */
export interface EventStore {
  /** for messages: without a password */
  name: string
  look(table: { name: TableName; id: string }): Promise<Look>
  /** Once per source; what it gives makes a feed for each reader, one at a time. */
  prepare(selection: Selection, schema: Schema): (options: FeedOptions) => Feed
  close(): Promise<void>
}

/** A table as it is now. */
export interface Look {
  columns: readonly string[]
  /** id of the newest row up to which nothing more will come; 0: there is none */
  last: number
  /** the newest id that was given to anybody */
  given: number
}

/** What is read of a table. */
export interface Selection {
  name: TableName
  table: Table
  columns: readonly Column[]
  /** of a page, at most */
  rows: number
}

export interface FeedOptions {
  /** a place that an earlier reader gave, which the store must know */
  to: Place | undefined
  /** ends all waiting */
  stop: AbortSignal
}

/** The rows of a table, in the order of their ids. One call at a time. */
export interface Feed {
  /** The first rows with after < id <= end, of which none will ever come to lie between them; no `end`: those that are there. */
  read(after: Place, end: number | undefined): Promise<Page>
  /** Resolves when there may be rows behind those that were read, or after `stop`. */
  news(): Promise<void>
  /** A call may be pending: it then ends soon, in whatever way. */
  close(): void
}

export interface Page {
  /** undefined where no row is left of those that were read */
  batch: RecordBatch | undefined
  /** the last row that was looked at; as it was where there was none */
  last: Place
  /** more rows may lie behind it */
  cut: boolean
}

export const isPostgres = (url: string): boolean => /^postgres(ql)?:/.test(url)

/** `mayCome`: a store that is missing is waited for. */
export async function openEventStore(url: string, mayCome: boolean, context: NodeContext): Promise<EventStore> {
  if (isPostgres(url)) return (await import('./postgres/postgres.ts')).openPostgresStore(url, mayCome, context)
  return (await import('./sqlite/sqlite.ts')).openSqliteStore(pathOf(url), mayCome, context)
}

/** The file that a store URL names. */
function pathOf(url: string): string {
  const [, scheme, rest] = /^([^:]*):(.*)$/s.exec(url) ?? []
  if (scheme === 'sqlite' && rest !== '') return rest!
  // the rest may hold a password
  const shown = scheme === undefined ? JSON.stringify(url) : scheme === 'sqlite' ? 'sqlite:' : `${scheme}:…`
  const why =
    scheme === 'memory'
      ? 'lives inside its gateway'
      : scheme === 'sqlite' || scheme === undefined
        ? 'names no file'
        : 'is of no kind that can be read'
  const known = 'sqlite:./millrace.db or postgres://USER:PASSWORD@HOST/DATABASE'
  throw new PipelineError('bad_pipeline', `the store ${shown} ${why}: write ${known}`, { path: ['store'] })
}
