import { isAscii } from 'node:buffer'
import type { Statement } from 'better-sqlite3'
import { cell, type Records, type RecordTable } from '../../../core/otlp/records.ts'
import { type OtlpTable, otlpTables, promotedColumn } from '../../../core/otlp/tables.ts'
import type { Db } from './database.ts'
import type { GroupRecords } from './group.ts'

/** Where the records of one request are stored. */
export interface RecordPlace {
  streamId: number
  tenant: string
  /** position of the first one */
  base: number
  receivedAt: number
}

export interface RecordInserts {
  begin(): void
  /** Says how many of them became dead letters. With a digest a repetition of the request will be known. */
  store(place: RecordPlace, request: GroupRecords): number
  /** True where this very request was stored at `base`. */
  isStored(streamId: number, base: number, request: GroupRecords): boolean
  /** of the texts stored since `begin` */
  bytes(): number
}

type Value = string | number | bigint | null

/**
 * Rows of one statement. Binding a value costs more than storing it, so a cell that all rows of a statement share (that
 * of their resource, as a rule) is bound once. Measured on log records of 600 bytes, 1,000 per commit, by processor time:
 * 200k rows/s row by row, 310k by 5, 375k by 20, 400k by 40; and 275k by 20 where every cell is bound.
 */
const statementRows = [20, 5, 1]
/** Statements of one table that are kept; data as it is sent has a few ways in which cells are the same. */
const keptShapes = 64

export function createRecordInserts(db: Db, promote: readonly string[]): RecordInserts {
  const tables = new Map<OtlpTable, Table>()
  const letter = db.prepare(
    `insert into dead_letters (stream_id, stream_index, received_at, code, message, size, raw, kind)
     values (?, ?, ?, ?, ?, ?, ?, 'record')`,
  )
  const insertRequest = db.prepare(
    'insert into otlp_requests (stream_id, stream_index, positions, digest) values (?, ?, ?, ?)',
  )
  const findRequest = db
    .prepare('select 1 from otlp_requests where stream_id = ? and stream_index = ? and positions = ? and digest = ?')
    .pluck()
  let bytes = 0

  return {
    begin() {
      bytes = 0
    },
    store(place, { records, digest }) {
      const textAt = textsOf(records)
      for (const rows of records.tables) {
        let table = tables.get(rows.table)
        if (table === undefined) tables.set(rows.table, (table = createTable(db, rows.table, promote)))
        bytes += table.store(place, rows, textAt)
      }
      for (const { at, code, message, size, raw } of records.dead) {
        letter.run(place.streamId, place.base + at, place.receivedAt, code, message, size, raw)
        bytes += raw.length
      }
      if (digest !== undefined && records.count > 0)
        insertRequest.run(place.streamId, place.base, records.count, digest)
      return records.dead.length
    },
    isStored: (streamId, base, { records, digest }) =>
      digest !== undefined && findRequest.get(streamId, base, records.count, digest) !== undefined,
    bytes: () => bytes,
  }
}

interface Table {
  /** Says how many bytes of text were stored. */
  store(place: RecordPlace, rows: RecordTable, textAt: (index: number) => string): number
}

function createTable(db: Db, table: OtlpTable, promote: readonly string[]): Table {
  const columns = [...otlpTables[table].map(([name]) => name), ...promote.map(promotedColumn)]
  // a column of type ANY takes a number as it is bound, and a double is no INTEGER
  const exact = otlpTables[table].map(([, kind]) => kind === 'ns' || kind === 'u64')
  const statements = new Map<string, Statement>()
  const params: Value[] = []

  function statementOf(shape: Shape): Statement {
    let statement = statements.get(shape.key)
    if (statement !== undefined) return statement
    if (statements.size >= keptShapes) statements.clear()
    statement = db.prepare(insertSql(table, columns, shape))
    statements.set(shape.key, statement)
    return statement
  }

  return {
    store({ streamId, tenant, base, receivedAt }, rows, textAt) {
      const { width, at, kinds } = rows
      if (width !== columns.length)
        throw new Error(
          `rows of ${table} have ${width} cells, and the store has ${columns.length} columns for them: promote the same attributes in both`,
        )
      const numbers = new Float64Array(rows.cells)
      const longs = new BigInt64Array(rows.cells)
      const words = new Uint32Array(rows.cells)
      let bytes = 0

      function cellAt(k: number, exact: boolean | undefined, times: number): Value {
        switch (kinds[k]) {
          case cell.null:
            return null
          case cell.text: {
            const text = textAt(numbers[k]!)
            bytes += text.length * times
            return text
          }
          case cell.int:
            return exact ? BigInt(numbers[k]!) : numbers[k]!
          case cell.real:
            // bound as it is, a NaN would be NULL
            return Number.isNaN(numbers[k]) ? 'NaN' : numbers[k]!
          case cell.i64:
            return longs[k]!
          case cell.u64:
            return longs[k]! >= 0n ? longs[k]! : BigInt.asUintN(64, longs[k]!).toString()
          default:
            throw new Error(`${table}: cell ${k} is of the unknown kind ${kinds[k]}`)
        }
      }

      for (let row = 0, many = 0; row < rows.rows; row += many) {
        many = statementRows.find(size => size <= rows.rows - row)!
        const shape = many === 1 ? single : shapeOf(rows, words, row, many)
        let p = 0
        let next = 0
        for (let c = 0; c < width; c++)
          if (c === shape.varying[next]) next++
          else params[p++] = cellAt(row * width + c, exact[c], many)
        params[p++] = streamId
        params[p++] = tenant
        params[p++] = receivedAt
        params[p++] = base + at[row]!
        if (many > 1)
          for (let r = row; r < row + many; r++) {
            if (!shape.consecutive) params[p++] = at[r]! - at[row]!
            for (const c of shape.varying) params[p++] = cellAt(r * width + c, exact[c], 1)
          }
        params.length = p
        statementOf(shape).run(params)
      }
      params.length = 0
      return bytes
    },
  }
}

/** In which columns the rows of a statement differ. */
interface Shape {
  key: string
  rows: number
  /** by number */
  varying: number[]
  /** their positions follow each other */
  consecutive: boolean
}

const single: Shape = { key: '1', rows: 1, varying: [], consecutive: true }

function shapeOf({ width, kinds, at }: RecordTable, words: Uint32Array, row: number, rows: number): Shape {
  const first = row * width
  const end = first + rows * width
  const varying: number[] = []
  for (let c = 0; c < width; c++) {
    const k = first + c
    const kind = kinds[k]
    const [low, high] = [words[2 * k], words[2 * k + 1]]
    for (let other = k + width; other < end; other += width)
      if (
        kinds[other] !== kind ||
        (kind !== cell.null && (words[2 * other] !== low || words[2 * other + 1] !== high))
      ) {
        varying.push(c)
        break
      }
  }
  let consecutive = true
  for (let r = 1; r < rows; r++) consecutive &&= at[row + r] === at[row]! + r
  return { key: `${rows} ${consecutive} ${varying}`, rows, varying, consecutive }
}

/** Parameters: what is the same in all rows, then of each row its distance to the first, and the cells that differ. */
function insertSql(table: OtlpTable, columns: readonly string[], { rows, varying, consecutive }: Shape): string {
  const same = columns.filter((_, c) => !varying.includes(c))
  const into = [...same, 'stream_id', 'tenant', 'received_at', 'stream_index', ...varying.map(c => columns[c])]
  const bound = into.slice(0, same.length + 4).fill('?')
  if (rows === 1) return `insert into ${table} (${into}) values (${bound})`
  const cells = varying.map(() => '?')
  const values = Array.from({ length: rows }, (_, r) => `(${[consecutive ? r : '?', ...cells]})`)
  return `insert into ${table} (${into})
    select ${bound} + column1${varying.map((_, c) => `, column${c + 2}`).join('')} from (values ${values})`
}

/** Reads texts of the pool, each decoded once at most. */
function textsOf({ pool, poolSpans }: Records): (index: number) => string {
  const bytes = Buffer.from(pool.buffer, pool.byteOffset, pool.length)
  const ascii = isAscii(bytes) ? bytes.toString('latin1') : undefined
  const known: string[] = []
  return index => {
    let text = known[index]
    if (text === undefined) {
      const [start, end] = [poolSpans[2 * index], poolSpans[2 * index + 1]]
      text = ascii?.substring(start!, end) ?? bytes.toString('utf8', start, end)
      known[index] = text
    }
    return text
  }
}
