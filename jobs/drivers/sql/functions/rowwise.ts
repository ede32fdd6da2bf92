import { Binary, Bool, type Data, type DataType, Field, Int64, List, Utf8, Vector } from 'apache-arrow'
import { dataOf } from '../../../runtime/batch/build.ts'
import { validity } from '../../../runtime/batch/cells.ts'
import type { ScalarFunction } from '../../duckdb/duckdb.ts'

/** What a function of rows is given and gives: a text, number, bigint, boolean, bytes or, of lists, an Arrow vector. */
export type Value = unknown
type Returns = 'VARCHAR' | 'BLOB' | 'BIGINT' | 'BOOLEAN' | 'VARCHAR[]'

const types: Readonly<Record<Returns, () => DataType>> = {
  VARCHAR: () => new Utf8(),
  BLOB: () => new Binary(),
  BIGINT: () => new Int64(),
  BOOLEAN: () => new Bool(),
  'VARCHAR[]': () => new List(new Field('item', new Utf8(), true)),
}

export interface RowFunction extends Pick<ScalarFunction, 'parameters' | 'rest' | 'volatile'> {
  returns: Returns
  /** nulls are handed over; default false: a null makes null */
  nulls?: boolean
  call(...values: Value[]): Value
}

/** A function of one row after the other: columns are unpacked once for all rows of a call. */
export function rowwise(name: string, { returns, nulls = false, call, ...rest }: RowFunction): ScalarFunction {
  const type = types[returns]()
  return {
    ...rest,
    name,
    returns,
    call(columns, rows) {
      const values = columns.map(valuesOf)
      const cells = Array.from({ length: rows }, (_, row) => {
        const given = values.map(column => column[row] ?? null)
        return !nulls && given.includes(null) ? null : call(...given)
      })
      return dataOf(type, cells as Parameters<typeof dataOf>[1])
    },
  }
}

/** The values of a column: texts decoded at once, all else as Arrow gives it. */
export function valuesOf(data: Data): Value[] {
  if (!(data.type instanceof Utf8)) return Array.from(new Vector([data]), value => value ?? null)
  const isValid = validity(data)
  const { valueOffsets, values } = data as Data<Utf8>
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength)
  return Array.from({ length: data.length }, (_, row) =>
    isValid(row) ? bytes.toString('utf8', valueOffsets[row], valueOffsets[row + 1]) : null,
  )
}
