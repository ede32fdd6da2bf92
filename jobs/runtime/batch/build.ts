import { type Data, type DataType, DataType as Is, makeData, RecordBatch, type Schema, Struct } from 'apache-arrow'
import type { Json } from '../contract.ts'
import { type Cell, coercer, Misfit } from './coerce.ts'

export type Row = { readonly [column: string]: Json | bigint | Uint8Array | undefined }

export interface BuiltRows {
  /** undefined where no row is left */
  batch: RecordBatch | undefined
  /** rows that do not fit the schema, by their place in what was given */
  refused: { row: number; message: string }[]
}

/**
 * Rows as a batch of the schema. Values are coerced to the types (see `coerce.ts`); a missing one is null; columns that
 * the schema does not have are left out. A row that does not fit is refused, with the column, value and type.
 */
export function batchOfRows(schema: Schema, rows: readonly Row[]): BuiltRows {
  const convert = schema.fields.map(field => ({ ...describe(field), coerce: coercer(field.type) }))
  const columns: Cell[][] = schema.fields.map(() => [])
  const refused: BuiltRows['refused'] = []
  const cells: Cell[] = new Array(convert.length)
  rows.forEach((row, at) => {
    try {
      for (let column = 0; column < convert.length; column++) {
        const { name, nullable, coerce } = convert[column]!
        const cell = within(name, () => coerce(Object.hasOwn(row, name) ? row[name] : null))
        if (cell === null && !nullable)
          throw new Misfit(`column ${JSON.stringify(name)}: null, and it must have a value`)
        cells[column] = cell
      }
    } catch (error) {
      if (!(error instanceof Misfit)) throw error
      refused.push({ row: at, message: error.message })
      return
    }
    for (let column = 0; column < cells.length; column++) columns[column]!.push(cells[column]!)
  })
  const kept = rows.length - refused.length
  if (kept === 0) return { batch: undefined, refused }
  return {
    batch: batchOf(
      schema,
      schema.fields.map((field, at) => dataOf(field.type, columns[at]!)),
      kept,
    ),
    refused,
  }
}

const describe = (field: { name: string; nullable: boolean }) => ({ name: field.name, nullable: field.nullable })

/** Names the column where its value does not fit. */
function within<T>(name: string, convert: () => T): T {
  try {
    return convert()
  } catch (error) {
    throw error instanceof Misfit ? new Misfit(`column ${JSON.stringify(name)}: ${error.message}`) : error
  }
}

/** A batch of columns that were built elsewhere. */
export function batchOf(schema: Schema, columns: readonly Data[], rows: number): RecordBatch {
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length: rows, nullCount: 0, children: [...columns] }),
  )
}

/** A batch without rows. */
export function emptyBatch(schema: Schema): RecordBatch {
  return batchOf(
    schema,
    schema.fields.map(field => dataOf(field.type, [])),
    0,
  )
}

const encoder = new TextEncoder()

/** A column of cells as `coercer` gives them. */
export function dataOf(type: DataType, cells: readonly Cell[]): Data {
  const length = cells.length
  const { nullBitmap, nullCount } = nullsOf(cells)
  const base = { length, nullCount, nullBitmap }
  if (Is.isNull(type)) return makeData({ type, length })
  if (Is.isBool(type)) {
    const data = new Uint8Array((length + 7) >> 3)
    for (let row = 0; row < length; row++) if (cells[row] === true) data[row >> 3]! |= 1 << (row & 7)
    return makeData({ type, ...base, data })
  }
  if (Is.isUtf8(type))
    return makeData({
      type,
      ...base,
      ...varying(cells.map(cell => (cell === null ? null : encoder.encode(cell as string)))),
    })
  if (Is.isBinary(type)) return makeData({ type, ...base, ...varying(cells as (Uint8Array | null)[]) })
  if (Is.isFixedSizeBinary(type)) {
    const data = new Uint8Array(length * type.byteWidth)
    cells.forEach((cell, row) => {
      if (cell !== null) data.set(cell as Uint8Array, row * type.byteWidth)
    })
    return makeData({ type, ...base, data })
  }
  if (Is.isDecimal(type)) {
    const words = type.bitWidth / 32
    const data = new Uint32Array(length * words)
    cells.forEach((cell, row) => {
      let value = cell === null ? 0n : (cell as bigint)
      for (let word = 0; word < words; word++, value >>= 32n) data[row * words + word] = Number(value & 0xffffffffn)
    })
    return makeData({ type, ...base, data })
  }
  if (Is.isList(type) || Is.isMap(type)) {
    const lists = cells as (Cell[] | null)[]
    const valueOffsets = new Int32Array(length + 1)
    lists.forEach((list, row) => {
      valueOffsets[row + 1] = valueOffsets[row]! + (list?.length ?? 0)
    })
    const child = dataOf(
      type.children[0]!.type,
      lists.flatMap(list => list ?? []),
    )
    return makeData({ type, ...base, valueOffsets, child } as Parameters<typeof makeData>[0])
  }
  if (Is.isFixedSizeList(type)) {
    const empty = new Array<Cell>(type.listSize).fill(null)
    const child = dataOf(
      type.children[0]!.type,
      (cells as (Cell[] | null)[]).flatMap(list => list ?? empty),
    )
    return makeData({ type, ...base, child } as Parameters<typeof makeData>[0])
  }
  if (Is.isStruct(type)) {
    const children = type.children.map((field, at) =>
      dataOf(
        field.type,
        (cells as (Cell[] | null)[]).map(fields => fields?.[at] ?? null),
      ),
    )
    return makeData({ type, ...base, children })
  }
  return makeData({ type, ...base, data: fixedWidth(type, cells) } as Parameters<typeof makeData>[0])
}

/** Integers, floats, dates, times: one array element per row. */
function fixedWidth(type: DataType, cells: readonly Cell[]): ArrayBufferView {
  const data = new type.ArrayType(cells.length) as BigInt64Array | Float64Array
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    for (let row = 0; row < cells.length; row++) if (cells[row] !== null) data[row] = BigInt(cells[row] as bigint)
  } else for (let row = 0; row < cells.length; row++) if (cells[row] !== null) data[row] = Number(cells[row])
  return data
}

function nullsOf(cells: readonly Cell[]): { nullCount: number; nullBitmap?: Uint8Array } {
  let nullCount = 0
  for (const cell of cells) if (cell === null) nullCount++
  if (nullCount === 0) return { nullCount }
  const nullBitmap = new Uint8Array((cells.length + 7) >> 3)
  cells.forEach((cell, row) => {
    if (cell !== null) nullBitmap[row >> 3]! |= 1 << (row & 7)
  })
  return { nullCount, nullBitmap }
}

function varying(values: readonly (Uint8Array | null)[]): { valueOffsets: Int32Array; data: Uint8Array } {
  const valueOffsets = new Int32Array(values.length + 1)
  values.forEach((value, row) => {
    valueOffsets[row + 1] = valueOffsets[row]! + (value?.length ?? 0)
  })
  const data = new Uint8Array(valueOffsets[values.length]!)
  values.forEach((value, row) => {
    if (value !== null) data.set(value, valueOffsets[row])
  })
  return { valueOffsets, data }
}
