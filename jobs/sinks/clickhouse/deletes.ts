import { type DataType, Field, DataType as Is, makeData, type RecordBatch, Schema, Uint32 } from 'apache-arrow'
import type { ClickHouse } from '../../drivers/clickhouse/client.ts'
import { quote } from '../../drivers/clickhouse/names.ts'
import { type ChType, digitsOf, parseType } from '../../drivers/clickhouse/types.ts'
import { batchOf } from '../../runtime/batch/build.ts'
import { columnsOf } from '../../runtime/batch/cells.ts'
import { byteLength, concat, keyReader, type Op, take } from '../../runtime/batch/select.ts'
import { unitDigits } from '../../runtime/batch/types.ts'
import { bare } from './fit.ts'
import type { Layout } from './layout.ts'
import { sentAs } from './sent.ts'
import { comparedOf, storedOf } from './stored.ts'
import type { Table } from './table.ts'

/** Keys that are gone at the end of an epoch: the last row of each was a delete. */
export interface Deletes {
  see(batch: RecordBatch, ops: readonly Op[]): void
  /** Conditions that hold for their rows, for a statement each. Asks the server what it stores for those keys. */
  conditions(server: ClickHouse): Promise<string[]>
  clear(): void
}

const keysPerStatement = 10_000
const bytesPerStatement = 16 * 1024 * 1024

export function createDeletes(table: Table, { columns, key }: Layout): Deletes {
  const parts = key.map((name, at) => {
    const { field } = columns.find(column => column.name === name)!
    const { type } = table.columns.get(name)!
    const own = bare(parseType(type))
    return {
      name,
      type: own,
      isApart: isApart(field.type, own),
      sent: sentAs(new Field(`k${at}`, field.type, false), type),
    }
  })
  const schema = new Schema(parts.map(({ sent }) => sent.field))
  const everyRow = parts.some(part => !part.isApart)
  const gone = new Set<string>()
  let seen: { keys: RecordBatch; ops: Op[] }[] = []

  return {
    see(batch, ops) {
      if (seen.length === 0 && !ops.includes('d')) return
      const keyOf = keyReader(batch, key)
      const rows = ops.flatMap((op, row) => {
        if (everyRow) return [row]
        const text = keyOf(row)
        if (op === 'd') gone.add(text)
        return gone.has(text) ? [row] : []
      })
      if (rows.length === 0) return
      const all = columnsOf(batch)
      const keys = parts.map(({ name, sent }) => sent.of(all.find(column => column.name === name)!.data))
      seen.push({ keys: take(batchOf(schema, keys, batch.numRows), rows), ops: rows.map(row => ops[row]!) })
    },
    async conditions(server) {
      if (seen.length === 0) return []
      const keys = concat(seen.map(({ keys }) => keys))
      const ops = seen.flatMap(({ ops }) => ops)
      const size = Math.max(
        1,
        Math.min(keysPerStatement, Math.floor((bytesPerStatement * keys.numRows) / (byteLength(keys) + 1))),
      )
      const tuples = new Map<string, Op>()
      for (const part of slices(keys.numRows, size)) {
        const stored = await storedOf(
          server,
          numbered(take(keys, part)),
          parts.map(({ type }) => type),
        )
        for (const [at, tuple] of stored.entries()) tuples.set(tuple, ops[part[at]!]!)
      }
      const last = [...tuples].filter(([, op]) => op === 'd').map(([tuple]) => tuple)
      const names = `(${parts.map(({ name, type }) => comparedOf(type, quote(name))).join(', ')})`
      return slices(last.length, size).map(part => `${names} IN (${part.map(at => last[at]!).join(', ')})`)
    },
    clear() {
      gone.clear()
      seen = []
    },
  }
}

/** Places of `rows` things, in parts of this size at most. */
const slices = (rows: number, size: number): number[][] =>
  Array.from({ length: Math.ceil(rows / size) }, (_, at) =>
    Array.from({ length: Math.min(size, rows - at * size) }, (_, place) => at * size + place),
  )

function numbered(batch: RecordBatch): RecordBatch {
  const { schema, numRows: length } = batch
  const data = Uint32Array.from({ length }, (_, row) => row)
  const place = makeData({ type: new Uint32(), length, nullCount: 0, data })
  return batchOf(
    new Schema([...schema.fields, new Field('n', new Uint32(), false)]),
    [...batch.data.children, place],
    length,
  )
}

/** Whether keys that the rows tell apart, and no others, are apart in the column, too: '1' and '01' are one UInt8. */
function isApart(type: DataType, to: ChType): boolean {
  // 0 and -0 are one value of the rows
  if (Is.isFloat(type)) return false
  if (Is.isBool(type) || Is.isInt(type) || Is.isDate(type) || Is.isFixedSizeBinary(type)) return true
  if (to.name === 'String' || to.name.startsWith('Enum')) return true
  if (Is.isDecimal(type)) return to.name === 'Decimal'
  if (Is.isTime(type) && to.name === 'Int64') return true
  return (Is.isTimestamp(type) || Is.isTime(type)) && digitsOf(to) >= unitDigits[type.unit]
}
