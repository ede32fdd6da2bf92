import type { RecordBatch } from 'apache-arrow'
import { literal, quote } from '../../drivers/clickhouse/names.ts'
import { columnsOf, jsonReader } from '../../runtime/batch/cells.ts'
import { keyReader, type Op } from '../../runtime/batch/select.ts'
import type { Json } from '../../runtime/contract.ts'
import type { Table } from './table.ts'

/** Keys that are gone at the end of an epoch: the last row of each was a delete. */
export interface Deletes {
  see(batch: RecordBatch, ops: readonly Op[]): void
  /** Conditions that hold for their rows, for a statement each. */
  conditions(): string[]
  clear(): void
}

const keysPerStatement = 10_000

export function createDeletes(table: Table, key: readonly string[]): Deletes {
  const gone = new Map<string, string>()
  const types = key.map(name => table.columns.get(name)!.type)

  return {
    see(batch, ops) {
      if (gone.size === 0 && !ops.includes('d')) return
      const keyOf = keyReader(batch, key)
      const columns = columnsOf(batch)
      const readers = key.map(name => jsonReader(columns.find(column => column.name === name)!.data))
      for (const [row, op] of ops.entries()) {
        const text = keyOf(row)
        if (op === 'd') gone.set(text, `(${readers.map((read, at) => valueSql(read(row), types[at]!)).join(', ')})`)
        else gone.delete(text)
      }
    },
    conditions() {
      const tuples = [...gone.values()]
      const names = `(${key.map(quote).join(', ')})`
      return Array.from({ length: Math.ceil(tuples.length / keysPerStatement) }, (_, at) => {
        const part = tuples.slice(at * keysPerStatement, (at + 1) * keysPerStatement)
        return `${names} IN (${part.join(', ')})`
      })
    },
    clear: () => gone.clear(),
  }
}

/** A value of a key, as `rowsOf` gives it, as one of the column's type. */
export function valueSql(value: Json, type: string): string {
  const text = String(value)
  if (/^U?Int\d+$/.test(type) && /^-?\d+$/.test(text)) return text
  if (type === 'String') return literal(text)
  const written = /^Date/.test(type) ? text.replace('T', ' ').replace(/Z$/, '') : text
  return `CAST(${literal(written)}, ${literal(type)})`
}
