import type { RecordBatch, Schema } from 'apache-arrow'
import { createEncoder } from '../../drivers/clickhouse/arrow.ts'
import type { ClickHouse } from '../../drivers/clickhouse/client.ts'
import { literal } from '../../drivers/clickhouse/names.ts'
import type { ChType } from '../../drivers/clickhouse/types.ts'
import { PipelineError } from '../../runtime/errors.ts'

/** Of statements that name keys. */
export const longStatement = {
  max_query_size: 256 * 1024 * 1024,
  max_ast_elements: 5_000_000,
  max_expanded_ast_elements: 10_000_000,
} as const

/**
 * What an insert of these rows would store in columns of these types, as SQL that has no other value: a tuple per row, of what `comparedOf` gives.
 * The server itself says so, in the session that inserts: text of a number or a time hangs on its settings and zones.
 */
export async function storedOf(server: ClickHouse, batch: RecordBatch, types: readonly ChType[]): Promise<string[]> {
  const names = batch.schema.fields.map(({ name }) => name)
  // the last column keeps the rows in order
  const structure = [...types.map(({ text }, at) => `${names[at]} ${text}`), `${names.at(-1)} UInt32`]
  const bytes = Buffer.concat(stream(batch.schema, batch)).toString('hex')
  const rows = await server.rows<Readonly<Record<string, string>>>(
    `SELECT ${types.map((type, at) => `${formOf(type).text(names[at]!)} AS v${at}`).join(', ')} FROM format('ArrowStream', ${literal(structure.join(', '))}, unhex('${bytes}')) ORDER BY ${names.at(-1)}`,
    { settings: longStatement },
  )
  if (rows.length !== batch.numRows)
    throw new PipelineError('refused', `the server answers with ${rows.length} of ${batch.numRows} keys of deletes`)
  return rows.map(row => `(${types.map((type, at) => formOf(type).sql(row[`v${at}`]!)).join(', ')})`)
}

function stream(schema: Schema, batch: RecordBatch): Uint8Array[] {
  const encoder = createEncoder(schema)
  return [encoder.head, encoder.message(batch), encoder.end]
}

/** What is compared with `storedOf`: NaN is not found by comparing it, and a float by its bits is. */
export const comparedOf = (type: ChType, column: string): string =>
  /Float/.test(type.name) ? `reinterpretAs${wholeOf(type)}(${column})` : column

const wholeOf = ({ name }: ChType): string => `UInt${/\d+$/.exec(name)![0]}`

interface Form {
  /** SQL of a value as text that loses nothing */
  text(value: string): string
  /** and of that text as the value */
  sql(text: string): string
}

/** Times with a zone have hours that come twice as text, and digits of floats may be read as a neighbour. */
function formOf(type: ChType): Form {
  const { name } = type
  const cast = (sql: string, to = type.text) => `CAST(${sql}, ${literal(to)})`
  if (name === 'String') return { text: value => `hex(${value})`, sql: text => `unhex('${text}')` }
  if (name === 'FixedString') return { text: value => `hex(${value})`, sql: text => cast(`unhex('${text}')`) }
  if (/Float/.test(name)) {
    const whole = wholeOf(type)
    return { text: value => `toString(reinterpretAs${whole}(${value}))`, sql: text => cast(literal(text), whole) }
  }
  if (name === 'DateTime64')
    return {
      text: value => `toString(reinterpretAsInt64(${value}))`,
      sql: text => `reinterpret(${cast(literal(text), 'Int64')}, ${literal(type.text)})`,
    }
  if (name === 'DateTime')
    return { text: value => `toString(toUnixTimestamp(${value}))`, sql: text => cast(cast(literal(text), 'UInt32')) }
  return { text: value => `toString(${value})`, sql: text => cast(literal(text)) }
}
