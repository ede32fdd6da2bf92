import { createWriteStream, writeFileSync } from 'node:fs'
import { finished } from 'node:stream/promises'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import avsc from 'avsc'
import type { Row } from '../../runtime/harness/source.suite.ts'

export type SampleFormat = 'ndjson' | 'ndjson.gz' | 'csv' | 'parquet' | 'avro'

/** Writes rows `{ id, file, text }` in a format. */
export async function writeSample(path: string, format: SampleFormat, rows: readonly Row[]): Promise<void> {
  if (format === 'parquet') return writeParquet(path, rows)
  if (format === 'avro') return writeAvro(path, rows)
  if (format === 'csv') {
    const quoted = (of: unknown) => `"${String(of).replaceAll('"', '""')}"`
    writeFileSync(
      path,
      ['id,file,text', ...rows.map(row => [row.id, row.file, row.text].map(quoted).join(','))].join('\n'),
    )
    return
  }
  const text = rows.map(row => JSON.stringify(row)).join('\n')
  writeFileSync(path, format === 'ndjson' ? text : gzipSync(text))
}

async function writeParquet(path: string, rows: readonly Row[]): Promise<void> {
  const values = rows.map(row => `(${row.id}, ${literal(row.file)}, ${literal(row.text)})`).join(', ')
  const select = rows.length > 0 ? `values ${values}` : `select 1, '', '' where false`
  await toParquet(path, `select * from (${select}) as t(id, file, text)`)
}

const literal = (of: unknown) => `'${String(of).replaceAll("'", "''")}'`

/** Writes what a SELECT gives. */
export async function toParquet(path: string, select: string, options = ''): Promise<void> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  try {
    await connection.run(`copy (${select}) to ${literal(path)} (format parquet${options})`)
  } finally {
    connection.disconnectSync()
  }
}

const sampleSchema = {
  type: 'record',
  name: 'Sample',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'file', type: 'string' },
    { name: 'text', type: ['null', 'string'] },
  ],
}

/** Small blocks, so that there are many. */
function writeAvro(path: string, rows: readonly Row[]): Promise<void> {
  return toAvro(
    path,
    sampleSchema,
    rows.map(row => ({ ...row, text: { string: row.text } })),
    { blockSize: 40 },
  )
}

/** Writes an object container file with avsc. */
export async function toAvro(
  path: string,
  schema: unknown,
  rows: readonly unknown[],
  options: object = {},
): Promise<void> {
  const plain = avsc.Type.forSchema(schema as never, { wrapUnions: true })
  // it would write its schema without the logical types
  const type = Object.create(plain, { getSchema: { value: () => schema } }) as typeof plain
  const encoder = new avsc.streams.BlockEncoder(type, options)
  const file = createWriteStream(path)
  encoder.pipe(file)
  for (const row of rows) encoder.write(row)
  encoder.end()
  await finished(file)
}
