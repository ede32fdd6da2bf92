import type { Schema } from 'apache-arrow'
import { emptyBatch } from '../../runtime/batch/build.ts'
import type { SourceReader, SourceRows } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { Connection } from './connection.ts'
import type { Page, PageReader } from './page.ts'
import { type Place, positionOf } from './position.ts'
import type { Table } from './table.ts'

export interface ReaderOptions {
  connection: Connection
  pages: PageReader
  schema: Schema
  table: Table
  from: Place
  /** key of the last row; undefined: there is none */
  end: readonly string[] | undefined
}

/** While a page is worked on, the next is on its way. */
export function createReader({ connection, pages, schema, table, from, end }: ReaderOptions): SourceReader {
  let place = from
  let isAtEnd = end === undefined
  let isClosed = false
  let ahead: Promise<Page> | undefined

  function fetch(): Promise<Page> {
    const page = connection.use(`read ${table.shown}`, async session => {
      if (isClosed) throw new PipelineError('internal', `the reader of ${table.shown} is closed`)
      return pages.read(session, place, end!)
    })
    // whoever waits for it is told
    page.catch(() => {})
    return page
  }

  function rowsUpTo(last: readonly string[], batch: Page['batch']): SourceRows {
    place = { after: last }
    isAtEnd = last.every((value, at) => value === end![at])
    return { batch: batch ?? emptyBatch(schema), position: positionOf(table, place) }
  }

  return {
    async next() {
      if (isAtEnd || isClosed) return undefined
      const { batch, last } = await (ahead ?? fetch())
      ahead = undefined
      if (last !== undefined) {
        const rows = rowsUpTo(last, batch)
        if (!isAtEnd) ahead = fetch()
        return rows
      }
      isAtEnd = true
      // the last row was deleted since: there is nothing up to where it was
      return place.from === undefined ? rowsUpTo(end!, undefined) : undefined
    },
    async close() {
      isClosed = true
      if (ahead !== undefined) connection.drop()
    },
  }
}
