import { type DataType, Decimal, Field, List, Utf8 } from 'apache-arrow'
import { typeOf } from '../../runtime/batch/types.ts'

/** How a column is asked for in a binary COPY, and what its bytes are read as. */
export interface ReadType {
  type: DataType
  /** the value is sent as text */
  asText: boolean
}

interface Stored {
  /** name in pg_type of the type, or of what a domain stands for: `int4`, `_int4` */
  name: string
  /** `atttypmod`; -1: none */
  modifier: number
}

const plain: Readonly<Record<string, string>> = {
  bool: 'boolean',
  int2: 'int16',
  int4: 'int32',
  int8: 'int64',
  float4: 'float32',
  float8: 'float64',
  text: 'utf8',
  varchar: 'utf8',
  bpchar: 'utf8',
  name: 'utf8',
  json: 'utf8',
  bytea: 'binary',
  date: 'date32',
  time: 'time64',
  timestamp: 'timestamp(us)',
  timestamptz: 'timestamp(us, UTC)',
}

/** Elements of arrays that come as lists. */
const listed = [
  'bool',
  'int2',
  'int4',
  'int8',
  'float4',
  'float8',
  'text',
  'varchar',
  'date',
  'timestamp',
  'timestamptz',
]

/**
 * | Postgres | Arrow |
 * | --- | --- |
 * | boolean, smallint, integer, bigint, real, double precision | the same |
 * | numeric(p, s), p up to 38 | decimal128(p, s) |
 * | numeric of more digits, or of any | utf8, all digits |
 * | text, varchar, char, json, jsonb, uuid, enumerations, and whatever is not named here | utf8 |
 * | bytea; date; time | binary; date32; time64(us) |
 * | timestamp; timestamptz | timestamp(us); timestamp(us, UTC) |
 * | arrays of the first row, of text, dates and timestamps | list; an array of several dimensions is an error |
 * | other arrays | utf8, as Postgres writes them |
 */
export function readType({ name, modifier }: Stored): ReadType {
  if (name === 'numeric') {
    const decimal = decimalOf(modifier)
    return decimal === undefined ? { type: new Utf8(), asText: true } : { type: decimal, asText: false }
  }
  const element = name.startsWith('_') ? name.slice(1) : undefined
  if (element !== undefined && listed.includes(element))
    return { type: new List(new Field('item', typeOf(plain[element]!), true)), asText: false }
  const own = Object.hasOwn(plain, name) ? typeOf(plain[name]!) : undefined
  return own === undefined ? { type: new Utf8(), asText: true } : { type: own, asText: false }
}

/** `((precision << 16) | scale) + 4`, the scale in 11 bits with a sign since Postgres 15. */
function decimalOf(modifier: number): Decimal | undefined {
  if (modifier < 4) return undefined
  const precision = ((modifier - 4) >> 16) & 0xffff
  const scale = (((modifier - 4) & 0x7ff) ^ 1024) - 1024
  const fits = precision <= 38 && scale >= 0 && scale <= precision
  return fits ? new Decimal(scale, precision, 128) : undefined
}
