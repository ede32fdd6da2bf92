import { cell, type Records, type RecordTable } from '../../../core/otlp/records.ts'
import { type ColumnKind, type OtlpTable, otlpTables } from '../../../core/otlp/tables.ts'
import { type CopyRows, createCopyRows } from './copy.ts'
import { columnOf } from './migrate.ts'
import { entriesOf, type Write } from './plan.ts'
import { escapeNul, mayHoldNul } from './texts.ts'

/** The rows of a group, for COPY: what each table gets, once the streams have their ids. */
export interface Copy {
  table: string
  columns: readonly string[]
  data: Buffer
}

const eventColumns = ['stream_id', 'stream_index', 'received_at', 'payload']
const ownColumns = ['stream_id', 'stream_index', 'tenant', 'received_at']
/** of an event's row besides its payload */
const eventOverhead = 42

export interface DeadRow {
  streamId: number
  index: number
  at: number
  code: string
  message: string
  size: number
  raw: Uint8Array
  kind: 'event' | 'record'
}

/** All that a group stores but its streams. */
export interface GroupRows {
  copies: Copy[]
  dead: DeadRow[]
  requests: { streamId: number; index: number; positions: number; digest: Uint8Array }[]
}

export function groupRows(writes: readonly Write[], promote: readonly string[]): GroupRows {
  const size = writes.reduce(
    (n, { request: { frames } }) => n + (frames ? frames.bytes.length + frames.count * eventOverhead : 0),
    0,
  )
  const events = createCopyRows(size + 64)
  const tables = new Map<OtlpTable, CopyRows>()
  const rows: GroupRows = { copies: [], dead: [], requests: [] }
  for (const write of writes) {
    const { request, stream, base } = write
    if (request.records === undefined) {
      addEntries(write, events, rows.dead)
      continue
    }
    addRecords(write, request.records, tables, promote)
    for (const { at, ...dead } of request.records.dead)
      rows.dead.push({ ...dead, streamId: stream.stream_id, index: base + at, at: request.receivedAt, kind: 'record' })
    if (request.digest !== undefined)
      rows.requests.push({
        streamId: stream.stream_id,
        index: base,
        positions: entriesOf(request),
        digest: request.digest,
      })
  }
  if (events.rows > 0) rows.copies.push({ table: 'events', columns: eventColumns, data: events.end() })
  for (const [table, copy] of tables)
    rows.copies.push({
      table,
      columns: [...ownColumns, ...otlpTables[table].map(([name]) => name), ...promote.map(columnOf)],
      data: copy.end(),
    })
  return rows
}

function addEntries({ stream, request, base, skip }: Write, events: CopyRows, letters: DeadRow[]): void {
  const { bytes, spans, count, dead } = request.frames!
  let nextDead = 0
  for (let k = skip; k < count; k++) {
    const [start, end] = [spans[2 * k]!, spans[2 * k + 1]!]
    const index = base + k - skip
    while (nextDead < dead.length && dead[nextDead]!.at < k) nextDead++
    const letter = dead[nextDead]
    if (letter?.at === k) {
      const { code, message, size } = letter
      const raw = bytes.subarray(start, end)
      letters.push({
        streamId: stream.stream_id,
        index,
        at: request.receivedAt,
        code,
        message,
        size,
        raw,
        kind: 'event',
      })
      continue
    }
    events.row(4)
    events.int8(stream.stream_id)
    events.int8(index)
    events.int8(request.receivedAt)
    events.bytes(bytes, start, end)
  }
}

function addRecords(
  { stream, request, base }: Write,
  records: Records,
  tables: Map<OtlpTable, CopyRows>,
  promote: readonly string[],
): void {
  const pool = Buffer.from(records.pool.buffer, records.pool.byteOffset, records.pool.length)
  const escaped = mayHoldNul(pool)
  const tenant = Buffer.from(request.tenant)
  for (const rows of records.tables) {
    const kinds = otlpTables[rows.table].map(([, kind]) => kind)
    const width = kinds.length + promote.length
    if (rows.width !== width)
      throw new Error(
        `rows of ${rows.table} have ${rows.width} cells, and the store has ${width} columns for them: promote the same attributes in both`,
      )
    let copy = tables.get(rows.table)
    if (copy === undefined) tables.set(rows.table, (copy = createCopyRows(rows.rows * 512)))
    const text = (at: number) => {
      const [start, end] = [records.poolSpans[2 * at]!, records.poolSpans[2 * at + 1]!]
      if (escaped) copy.bytes(Buffer.from(escapeNul(pool.toString('utf8', start, end))))
      else copy.bytes(pool, start, end)
    }
    const put = cellWriter(rows, copy, text)
    for (let r = 0; r < rows.rows; r++) {
      copy.row(width + ownColumns.length)
      copy.int8(stream.stream_id)
      copy.int8(base + rows.at[r]!)
      copy.bytes(tenant)
      copy.int8(request.receivedAt)
      for (let c = 0; c < width; c++) put(r * width + c, kinds[c] ?? 'text')
    }
  }
}

/** Writes the k-th cell as its column has it. */
function cellWriter({ table, kinds, cells }: RecordTable, copy: CopyRows, text: (at: number) => void) {
  const numbers = new Float64Array(cells)
  const longs = new BigInt64Array(cells)

  function whole(k: number): bigint {
    switch (kinds[k]) {
      case cell.i64:
        return longs[k]!
      case cell.u64:
        return BigInt.asUintN(64, longs[k]!)
      default:
        return BigInt(numbers[k]!)
    }
  }

  return (k: number, column: ColumnKind): void => {
    const kind = kinds[k]!
    if (kind > cell.text) throw new Error(`${table}: cell ${k} is of the unknown kind ${kind}`)
    if (kind === cell.null) copy.null()
    else if (column === 'ns' || column === 'u64') copy.numeric(whole(k))
    else if (column === 'real')
      // the one text that a decoder puts here is NaN
      copy.float8(kind === cell.text ? Number.NaN : kind >= cell.i64 ? Number(whole(k)) : numbers[k]!)
    else if (column === 'i64' || column === 'int' || column === 'bool') {
      if (kind === cell.int) copy.int8(numbers[k]!)
      else copy.int8Big(whole(k))
    } else text(numbers[k]!)
  }
}
