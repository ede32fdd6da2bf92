import { type Data, DataType as Is, type RecordBatch } from 'apache-arrow'
import { columnsOf, jsonReader, validity } from '../../runtime/batch/cells.ts'

const backslash = 0x5c
const colon = 0x3a

/**
 * The key of the message of each row, which has no null: the values as text. Those of several columns have colons
 * between, and a backslash before each colon and backslash of their own, so that no two keys have one text.
 */
export function messageKeys(batch: RecordBatch, primaryKey: readonly string[]): (row: number) => Uint8Array {
  const parts = primaryKey.map(name => {
    const { data } = columnsOf(batch).find(column => column.name === name)!
    if (Is.isUtf8(data.type)) {
      const read = bytesOf(data)
      return (row: number) => read(row)!
    }
    const read = jsonReader(data)
    return (row: number) => {
      const value = read(row)
      return Buffer.from(typeof value === 'object' ? JSON.stringify(value) : String(value))
    }
  })
  if (parts.length === 1) return parts[0]!
  const between = Buffer.of(colon)
  return row =>
    Buffer.concat(parts.flatMap((part, at) => (at === 0 ? [escaped(part(row))] : [between, escaped(part(row))])))
}

function escaped(part: Uint8Array): Uint8Array {
  if (!part.includes(colon) && !part.includes(backslash)) return part
  const out = Buffer.alloc(2 * part.length)
  let length = 0
  for (const byte of part) {
    if (byte === colon || byte === backslash) out[length++] = backslash
    out[length++] = byte
  }
  return out.subarray(0, length)
}

/** Rows that have no key, and the column that is null. */
export function rowsWithoutKey(batch: RecordBatch, primaryKey: readonly string[]): ReadonlyMap<number, string> {
  const found = new Map<number, string>()
  for (const { name, data } of columnsOf(batch)) {
    if (!primaryKey.includes(name)) continue
    const isValid = validity(data)
    for (let row = 0; row < batch.numRows; row++) if (!isValid(row) && !found.has(row)) found.set(row, name)
  }
  return found
}

/** Of text and binary columns. */
export function bytesOf(data: Data): (row: number) => Uint8Array | null {
  const isValid = validity(data)
  const { values, valueOffsets } = data
  return row => (isValid(row) ? values.subarray(valueOffsets[row]!, valueOffsets[row + 1]!) : null)
}
