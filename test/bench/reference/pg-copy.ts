/** COPY without a pipeline: bytes that are ready, into a table with the sink's columns and key, in one transaction. */
import { connectPg } from '../../../jobs/drivers/postgres/connect.ts'
import { serverOfUrl } from '../../../jobs/drivers/postgres/keys.ts'
import { readyRow } from '../load/ready-row.ts'
import { answer, workerConfig } from '../load/worker.ts'

export interface PgCopyConfig {
  url: string
  schema: string
  rows: number
}

export interface PgCopyResult {
  rowsPerSecond: number
}

const chunkRows = 2000

async function pgCopy({ url, schema, rows }: PgCopyConfig): Promise<PgCopyResult> {
  const session = await connectPg({ server: serverOfUrl(url), application: 'millrace bench', statementTimeout: 0 })
  await session.query(`create schema ${schema}`)
  await session.query(
    `create table ${schema}.orders (id bigint primary key, customer text, country text, amount double precision, ordered_at timestamp, detail text)`,
  )
  const templates = Array.from({ length: 65_536 }, (_, at) => {
    const { customer, country, amount, ordered_at, detail } = readyRow(at)
    return `\t${customer}\t${country}\t${amount}\t${ordered_at}\t${detail.replaceAll('\\', '\\\\')}\n`
  })
  const chunks: Buffer[] = []
  for (let from = 0; from < rows; from += chunkRows) {
    const lines: string[] = []
    for (let at = from; at < Math.min(from + chunkRows, rows); at++)
      lines.push(`${at}${templates[at % templates.length]}`)
    chunks.push(Buffer.from(lines.join('')))
  }
  const from = performance.now()
  const copy = session.copyIn(`copy ${schema}.orders from stdin`)
  for (const chunk of chunks) await copy.write(chunk)
  const count = await copy.end()
  const rowsPerSecond = (rows * 1000) / (performance.now() - from)
  await session.close()
  if (count !== rows) throw new Error(`${rows} rows were copied, and the server has ${count}`)
  return { rowsPerSecond }
}

if (import.meta.main) await answer(async () => pgCopy(workerConfig()))
