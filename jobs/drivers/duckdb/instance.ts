import duckdb, { type Connection, type Database, type Result } from '@duckdb/node-bindings'
import type { RecordBatch, Schema } from 'apache-arrow'
import { PipelineError } from '../../runtime/errors.ts'
import { appendBatch } from './append.ts'
import { type BatchReader, batchReader } from './batch.ts'
import { type DuckDb, type DuckDbOptions, identifier } from './duckdb.ts'
import { duckDbError } from './errors.ts'
import { openFenced } from './fence.ts'
import { prepareReadable } from './prepare.ts'
import { registerScalar } from './scalar.ts'
import { isJson, sqlTypeOf } from './types.ts'

const BATCH_ROWS = 65_536
/** a batch of a stream ends at this size, too */
const BATCH_BYTES = 64 * 1024 * 1024

/** Opens a DuckDB in memory. It can be used in any thread, by the thread that opened it. */
export async function openDuckDb(options: DuckDbOptions = {}): Promise<DuckDb> {
  const database = await openFenced(options)
  const others: Session[] = []
  const open = async (close: () => void): Promise<Session> =>
    createSession(database, await duckdb.connect(database), { close, session })

  async function session(): Promise<DuckDb> {
    const other = await open(() => {})
    others.push(other)
    return other.db
  }

  const first = await open(() => {
    for (const { db } of others) db.close()
  })
  void first.ended.then(async () => {
    await Promise.all(others.map(({ ended }) => ended))
    duckdb.close_sync(database)
  })
  return first.db
}

interface Session {
  db: DuckDb
  /** its connection is gone */
  ended: Promise<void>
}

/** `close` is called when the session is. */
function createSession(
  database: Database,
  main: Connection,
  { close, session }: Pick<DuckDb, 'close' | 'session'>,
): Session {
  const connections = new Set([main])
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  let last: Promise<unknown> = Promise.resolve()
  let closed = false

  const checkOpen = () => {
    if (closed) throw new PipelineError('timeout', 'the SQL engine was closed')
  }

  /** One call at a time: a function in JavaScript would wait for ever for a thread that waits for its statement. */
  function exclusive<T>(sql: string, call: () => Promise<T> | T): Promise<T> {
    const turn = last.then(async () => {
      checkOpen()
      try {
        return await call()
      } catch (error) {
        throw duckDbError(error, sql)
      }
    })
    last = turn.catch(() => {})
    return turn
  }

  async function* stream(select: string, { rows = BATCH_ROWS, signal }: { rows?: number; signal?: AbortSignal } = {}) {
    checkOpen()
    signal?.throwIfAborted()
    const connection = await duckdb.connect(database)
    connections.add(connection)
    const interrupt = () => duckdb.interrupt(connection)
    signal?.addEventListener('abort', interrupt)
    let next: ReturnType<typeof duckdb.fetch_chunk> | undefined
    try {
      const prepared = await prepareReadable(connection, select)
      const result = await duckdb.execute_prepared_streaming(prepared.statement)
      let reader = batchReader(prepared)
      // the next chunk is made while this one is copied
      next = duckdb.fetch_chunk(result)
      for (;;) {
        signal?.throwIfAborted()
        const chunk = await next
        const size = chunk === null ? 0 : duckdb.data_chunk_get_size(chunk)
        if (chunk === null || size === 0) break
        next = duckdb.fetch_chunk(result)
        next.catch(() => {})
        for (let from = 0; from < size; ) {
          const take = Math.min(size - from, rows - reader.rows)
          reader.read(chunk, from, take)
          from += take
          if (reader.rows < rows && reader.size < BATCH_BYTES) continue
          const { sizes } = reader
          yield reader.finish()
          reader = batchReader(prepared, sizes)
        }
      }
      if (reader.rows > 0) yield reader.finish()
    } catch (error) {
      signal?.throwIfAborted()
      throw duckDbError(error, select)
    } finally {
      signal?.removeEventListener('abort', interrupt)
      // where the caller has enough, one may still be under way
      interrupt()
      await next?.catch(() => {})
      connections.delete(connection)
      duckdb.disconnect_sync(connection)
    }
  }

  const db: DuckDb = {
    session,
    stream,
    run: sql => exclusive(sql, async () => void (await duckdb.query(main, sql))),
    rows: sql => exclusive(sql, async () => objectsOf(await queryOnce(main, sql))),
    schemaOf: select => exclusive(select, async () => (await prepareReadable(main, select)).schema),
    query: select => exclusive(select, () => queryOnce(main, select)),

    async prepare(select) {
      const prepared = await exclusive(select, () => prepareReadable(main, select))
      let sizes: readonly number[] | undefined
      return {
        schema: prepared.schema,
        query: () =>
          exclusive(select, async () => {
            const reader = batchReader(prepared, sizes)
            const batch = readAll(await duckdb.execute_prepared(prepared.statement), reader)
            sizes = reader.sizes
            return batch
          }),
        close: () => duckdb.destroy_prepare_sync(prepared.statement),
      }
    },

    createTable(name, schema, { json = 'type' } = {}) {
      return exclusive('', async () => {
        const columns = schema.fields.map(
          field => `${identifier(field.name)} ${json === 'type' && isJson(field) ? 'JSON' : sqlTypeOf(field.type)}`,
        )
        await duckdb.query(main, `create or replace table ${identifier(name)} (${columns.join(', ')})`)
      })
    },

    append: (table, batch) => exclusive('', () => appendBatch(main, table, batch)),
    register: scalar => exclusive('', () => registerScalar(main, scalar)),

    interrupt() {
      if (!closed) for (const connection of connections) duckdb.interrupt(connection)
    },

    close() {
      if (closed) return
      closed = true
      close()
      for (const connection of connections) duckdb.interrupt(connection)
      void last.then(() => {
        duckdb.disconnect_sync(main)
        end()
      })
    },
  }
  return { db, ended }
}

async function queryOnce(connection: Connection, select: string): Promise<RecordBatch | undefined> {
  const prepared = await prepareReadable(connection, select)
  return readAll(await duckdb.execute_prepared(prepared.statement), batchReader(prepared))
}

function readAll(result: Result, reader: BatchReader): RecordBatch | undefined {
  for (let index = 0, chunks = duckdb.result_chunk_count(result); index < chunks; index++) {
    const chunk = duckdb.result_get_chunk(result, index)
    reader.read(chunk, 0, duckdb.data_chunk_get_size(chunk))
  }
  return reader.rows === 0 ? undefined : reader.finish()
}

function objectsOf(batch: RecordBatch | undefined): Record<string, unknown>[] {
  if (batch === undefined) return []
  const { fields }: Schema = batch.schema
  return Array.from({ length: batch.numRows }, (_, row) =>
    Object.fromEntries(fields.map((field, column) => [field.name, batch.getChildAt(column)!.get(row)])),
  )
}
