/** Arrow inserts without a pipeline: the same rows and columns, ready as batches, one request at a time. */
import { promisify } from 'node:util'
import { constants, zstdCompress } from 'node:zlib'
import {
  Field,
  Int64,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  Timestamp,
  TimeUnit,
  Uint8,
} from 'apache-arrow'
import { batchOfRows } from '../../../jobs/runtime/batch/build.ts'
import { typeOf } from '../../../jobs/runtime/batch/types.ts'
import { readyRow } from '../load/ready-row.ts'
import { answer, workerConfig } from '../load/worker.ts'

export interface ClickHouseInsertConfig {
  url: string
  /** `DATABASE.TABLE`, which is there */
  table: string
  rows: number
  /** of a request */
  insertRows: number
  /** level; 0: not compressed */
  zstd: number
}

export interface ClickHouseInsertResult {
  rowsPerSecond: number
}

const batchRows = 65_536
const columns = {
  id: 'int64',
  customer: 'utf8',
  country: 'utf8',
  amount: 'float64',
  ordered_at: 'timestamp(us, UTC)',
  detail: 'utf8',
}

function readyBatch(): RecordBatch {
  const schema = new Schema(Object.entries(columns).map(([name, type]) => new Field(name, typeOf(type), true)))
  const rows = Array.from({ length: batchRows }, (_, at) => {
    const { _gs_op, ...row } = readyRow(at)
    return row
  })
  const { batch } = batchOfRows(schema, rows)
  const own = [
    new Field('is_deleted', new Uint8(), false),
    new Field('insert_time', new Timestamp(TimeUnit.MICROSECOND, 'UTC'), false),
  ]
  const whole = new Schema([...schema.fields, ...own])
  const now = new BigInt64Array(batchRows).fill(BigInt(Date.now()) * 1000n)
  const children = [
    ...batch!.data.children,
    makeData({ type: new Uint8(), length: batchRows, nullCount: 0, data: new Uint8Array(batchRows) }),
    makeData({ type: own[1]!.type as Timestamp, length: batchRows, nullCount: 0, data: now }),
  ]
  return new RecordBatch(whole, makeData({ type: new Struct(whole.fields), length: batchRows, nullCount: 0, children }))
}

/** The first rows of the batch with ids of their own. */
function numbered(batch: RecordBatch, from: number, length: number): RecordBatch {
  const ids = BigInt64Array.from({ length }, (_, row) => BigInt(from + row))
  const [, ...others] = batch.data.children
  const children = [
    makeData({ type: new Int64(), length, nullCount: 0, data: ids }),
    ...others.map(column => (length === batch.numRows ? column : column.slice(0, length))),
  ]
  return new RecordBatch(
    batch.schema,
    makeData({ type: new Struct(batch.schema.fields), length, nullCount: 0, children }),
  )
}

const compress = promisify(zstdCompress)

async function insert({ url, table, rows, insertRows, zstd }: ClickHouseInsertConfig): Promise<ClickHouseInsertResult> {
  const batch = readyBatch()
  const names = batch.schema.fields.map(({ name }) => name).join(', ')
  const target = new URL(url)
  for (const [name, value] of Object.entries({
    query: `INSERT INTO ${table} (${names}) FORMAT ArrowStream`,
    async_insert: 0,
    max_insert_block_size: 1_000_000_000,
    min_insert_block_size_rows: 1_000_000_000,
    min_insert_block_size_bytes: 0,
  }))
    target.searchParams.set(name, String(value))
  const begun = performance.now()
  for (let from = 0; from < rows; from += insertRows) {
    const wanted = Math.min(insertRows, rows - from)
    const batches: RecordBatch[] = []
    for (let at = from; at < from + wanted; at += batchRows)
      batches.push(numbered(batch, at, Math.min(batchRows, from + wanted - at)))
    const plain = RecordBatchStreamWriter.writeAll(batches).toUint8Array(true)
    const body = zstd === 0 ? plain : await compress(plain, { params: { [constants.ZSTD_c_compressionLevel]: zstd } })
    const response = await fetch(target, {
      method: 'POST',
      body: body as BodyInit,
      headers: zstd === 0 ? {} : { 'Content-Encoding': 'zstd' },
    })
    if (!response.ok) throw new Error(await response.text())
    await response.arrayBuffer()
  }
  return { rowsPerSecond: (rows * 1000) / (performance.now() - begun) }
}

if (import.meta.main) await answer(() => insert(workerConfig()))
