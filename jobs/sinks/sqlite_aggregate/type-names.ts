import { type DataType, Decimal } from 'apache-arrow'
import { kindOf } from '../../runtime/batch/kinds.ts'
import { typeOf } from '../../runtime/batch/types.ts'
import { PipelineError } from '../../runtime/errors.ts'

/** Names of PostgreSQL, which the model's files have, where Arrow has none of the same name. */
const postgres: Readonly<Record<string, string>> = {
  'double precision': 'float64',
  varchar: 'text',
  'character varying': 'text',
  character: 'text',
  char: 'text',
  bpchar: 'text',
  citext: 'text',
  int2: 'int16',
  int4: 'int32',
  // eight bytes there, eight bits in Arrow
  int8: 'int64',
  serial: 'int32',
  bigserial: 'int64',
  float4: 'float32',
  float8: 'float64',
  'timestamp without time zone': 'timestamp(us)',
  'timestamp with time zone': 'timestamp(us, UTC)',
  timestamp: 'timestamp(us)',
  timestamptz: 'timestamp(us, UTC)',
  jsonb: 'text',
}

/**
 * The type of a name in SQL or Arrow: `bigint`, `varchar(100)`, `numeric(30, 5)`, `timestamptz`, `float64`. `numeric`
 * alone has as many digits after the point as `source`.
 */
export function sqlType(name: string, source: DataType, path: readonly string[]): DataType {
  const plain = name.trim().toLowerCase().replace(/\s+/g, ' ')
  if (plain === 'numeric' || plain === 'decimal') {
    const kind = kindOf(source)
    if (kind === 'decimal') return source
    if (kind === 'integer' || kind === 'uint64') return new Decimal(0, 38, 128)
  }
  const base = plain.replace(/ ?\(\d+\)$/, '')
  try {
    return typeOf(postgres[plain] ?? postgres[base] ?? plain.replace(/ \(/, '('))
  } catch (error) {
    throw new PipelineError('bad_pipeline', (error as Error).message, { path, cause: error })
  }
}
