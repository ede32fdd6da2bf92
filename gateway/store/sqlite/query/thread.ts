import { parentPort, workerData } from 'node:worker_threads'
import { AppError, toAppError } from '../../../../core/errors.ts'
import type { QueryResult } from '../../store.ts'
import { type Db, openForReading } from '../database.ts'
import { storeFailure } from '../failures.ts'
import { checkReadOnly } from './guard.ts'
import type { QueryAnswer, QueryRequest } from './runner.ts'

const { path } = workerData as { path: string }
let db: Db | undefined

type Cell = string | number | bigint | Buffer | null

function cell(value: Cell): string | number | null {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
  if (Buffer.isBuffer(value)) return value.toString('base64')
  // JSON has no infinities: SQLite writes them this way too
  if (typeof value === 'number' && !Number.isFinite(value)) return value > 0 ? '9e999' : '-9e999'
  return value
}

function run({ sql, params, limits }: QueryRequest): QueryResult {
  db ??= openForReading(path)
  db.pragma(`hard_heap_limit = ${limits.bytes}`)
  const statement = checkReadOnly(db, sql)
  const rows: QueryResult['rows'] = []
  let truncated = false
  for (const row of statement
    .raw(true)
    .safeIntegers(true)
    .iterate(...params.map(p => (typeof p === 'boolean' ? Number(p) : p)))) {
    if (rows.length >= limits.rows) {
      truncated = true
      break
    }
    rows.push((row as Cell[]).map(cell))
  }
  return { columns: statement.columns().map(column => column.name), rows, truncated }
}

parentPort!.on('message', (request: QueryRequest) => {
  let answer: QueryAnswer
  try {
    answer = { result: run(request) }
  } catch (error) {
    const { code, message } = error instanceof AppError ? error : asQueryError(error)
    answer = { failure: { code, message } }
  }
  parentPort!.postMessage(answer)
})

/** Result codes of a database that fails, whatever the query asks. */
const storeCodes = /^SQLITE_(BUSY|CANTOPEN|CORRUPT|IOERR|NOTADB|PROTOCOL|READONLY)/

function asQueryError(error: unknown): AppError {
  const code = (error as { code?: string }).code
  if (code !== undefined && storeCodes.test(code)) return storeFailure(error, path)
  if (code === 'SQLITE_NOMEM' || code === 'SQLITE_TOOBIG')
    return new AppError('query_limit', 'the query passed its memory limit; narrow it with where or limit')
  if (code?.startsWith('SQLITE') || error instanceof RangeError || error instanceof TypeError)
    return new AppError('bad_query', `the query failed: ${(error as Error).message}`)
  return toAppError(error)
}
