import type { Column } from './arrow/column.ts'
import type { TypeName } from './arrow/schema.ts'
import type { Batch } from './arrow/stream.ts'
import type { PayloadName } from './payloads.ts'

/** The rows of one payload, their columns found by name. */
export interface Table {
  name: PayloadName
  rows: number
  /** null where the sender left it out; `path` is a name, or one of a struct: `resource.id` */
  column(path: string, ...types: TypeName[]): Column | null
  required(path: string, ...types: TypeName[]): Column
}

export function createTable(name: PayloadName, batch: Batch): Table {
  const column = (path: string, ...types: TypeName[]): Column | null => {
    const [outer, inner] = path.split('.')
    const whole = batch.columns.find(({ field }) => field.name === outer)
    if (whole === undefined) return null
    if (inner === undefined) return ofType(path, whole, types)
    const struct = ofType(outer!, whole, ['struct'])
    const part = struct?.children.find(({ field }) => field.name === inner)
    return struct === null || part === undefined ? null : ofType(path, masked(part, struct.validity), types)
  }
  return {
    name,
    rows: batch.rows,
    column,
    required(path, ...types) {
      const found = column(path, ...types)
      if (found === null) throw new RangeError(`column ${path} is missing`)
      return found
    },
  }
}

function ofType(path: string, column: Column, types: TypeName[]): Column | null {
  // a column without values may come without a type
  if (column.field.type === 'null') return null
  if (types.includes(column.field.type)) return column
  throw new RangeError(`column ${path} is of the type ${column.field.type}, not ${types.join(' or ')}`)
}

/** Where the struct is null its parts are, whatever they say themselves. */
function masked(part: Column, validity: Uint8Array | null): Column {
  if (validity === null) return part
  const own = part.validity
  return { ...part, validity: own === null ? validity : own.map((byte, k) => byte & validity[k]!) }
}
