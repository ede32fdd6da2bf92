import type { Table } from './flatbuffer.ts'

/** The types that the OTAP specification uses (section 5); `null` is a column without values. */
export type TypeName =
  | 'null'
  | 'bool'
  | `${'int' | 'uint'}${8 | 16 | 32 | 64}`
  | 'float64'
  | 'timestamp'
  | 'duration'
  | 'utf8'
  | 'binary'
  | 'fixed'
  | 'list'
  | 'struct'

export interface Field {
  name: string
  type: TypeName
  /** bytes of a value of fixed width, else 0 */
  width: number
  children: Field[]
  /** the values stand in a dictionary, the column holds keys of `width` bytes */
  dictionary: { id: bigint; width: number } | null
  /** how ids are packed (specification 6.4); null where the sender says nothing */
  encoding: string | null
}

const maxFields = 256
const maxDepth = 8

/**
 * The fields of a Schema table (format/Schema.fbs of Apache Arrow).
 *
 * @throws RangeError with a sentence where the schema is broken or has a type that OTAP does not use
 */
export function readSchema(schema: Table): Field[] {
  if (schema.int16(0) !== 0) throw new RangeError('the schema is big-endian')
  // tables may be shared, so that a small message describes a huge tree
  let count = 0
  const read = (table: Table, depth: number): Field => {
    if (++count > maxFields) throw new RangeError(`the schema has more than ${maxFields} fields`)
    if (depth > maxDepth) throw new RangeError(`the schema nests deeper than ${maxDepth}`)
    const name = table.text(0)
    const children = table.tables(5).map(child => read(child, depth + 1))
    const { type, width } = typeOf(name, table.uint8(2), table.table(3))
    if (type === 'list' && children.length !== 1)
      throw new RangeError(`column ${name}: a list of ${children.length} types`)
    const dictionary = table.table(4)
    if (dictionary !== null && !inDictionary.has(type)) throw new RangeError(`column ${name}: a dictionary of ${type}`)
    return {
      name,
      type,
      width,
      children,
      dictionary: dictionary && { id: dictionary.id(0), width: keyWidth(name, dictionary.table(1)) },
      encoding:
        table
          .tables(6)
          .find(entry => entry.text(0) === 'encoding')
          ?.text(1) ?? null,
    }
  }
  return schema.tables(1).map(field => read(field, 1))
}

const inDictionary = new Set<TypeName>([
  ...(['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64'] as const),
  ...(['float64', 'timestamp', 'duration', 'utf8', 'binary', 'fixed'] as const),
])

function keyWidth(name: string, index: Table | null): number {
  const bits = index?.int32(0) ?? 32
  if (bits !== 8 && bits !== 16 && bits !== 32) throw new RangeError(`column ${name}: dictionary keys of ${bits} bits`)
  return bits / 8
}

// numbers of the union Type, and the enums of its members
const nanosecond = 3
const double = 2

function typeOf(name: string, kind: number, type: Table | null): { type: TypeName; width: number } {
  switch (kind) {
    case 1:
      return { type: 'null', width: 0 }
    case 2: {
      const bits = type?.int32(0) ?? 0
      if (bits === 8 || bits === 16 || bits === 32 || bits === 64) {
        return { type: `${type?.uint8(1) === 1 ? 'int' : 'uint'}${bits}`, width: bits / 8 }
      }
      break
    }
    case 3:
      if (type?.int16(0) === double) return { type: 'float64', width: 8 }
      break
    case 4:
      return { type: 'binary', width: 0 }
    case 5:
      return { type: 'utf8', width: 0 }
    case 6:
      return { type: 'bool', width: 0 }
    case 10:
      if (type?.int16(0) === nanosecond) return { type: 'timestamp', width: 8 }
      break
    case 12:
      return { type: 'list', width: 0 }
    case 13:
      return { type: 'struct', width: 0 }
    case 15: {
      const width = type?.int32(0) ?? 0
      if (width > 0) return { type: 'fixed', width }
      break
    }
    case 18:
      if (type?.int16(0) === nanosecond) return { type: 'duration', width: 8 }
      break
  }
  throw new RangeError(
    `column ${name}: a type (Arrow's number ${kind}) that OTAP does not use, or not in this width or unit`,
  )
}
