import { crc32 } from 'node:zlib'
import { DataType as Is, type RecordBatch } from 'apache-arrow'
import { createEncoder } from '../../drivers/clickhouse/arrow.ts'
import type { Body } from '../../drivers/clickhouse/client.ts'
import type { Encoding } from '../../drivers/clickhouse/keys.ts'
import { createSpool, type Spool } from '../../drivers/clickhouse/spool.ts'
import { concat, take } from '../../runtime/batch/select.ts'
import type { Block } from './positions.ts'
import type { Preparer } from './prepare.ts'

/**
 * The rows of an epoch as the bodies of its inserts, cut by the number of rows alone: the same rows in the same order
 * give the same blocks, however they were split into batches.
 */
export interface Stage {
  readonly rows: number
  add(batch: RecordBatch): Promise<void>
  /** Ends the last block. */
  seal(): Promise<readonly Staged[]>
  clear(): Promise<void>
}

export interface Staged extends Block {
  body: Body
}

export interface StageOptions {
  schema: Preparer['schema']
  /** places of the key in the schema */
  key: readonly number[]
  rowsPerBlock: number
  encoding: Encoding
  level: number
}

/** Small batches are joined: each is a message of its own. */
const messageRows = 65_536

export function createStage({ schema, key, rowsPerBlock, encoding, level }: StageOptions): Stage {
  const encoder = createEncoder(schema)
  let waiting: RecordBatch[] = []
  let waitingRows = 0
  let sealed: Staged[] = []
  let current: { spool: Spool; rows: number; crc: number } | undefined
  let spools: Spool[] = []
  let rows = 0

  async function write(batch: RecordBatch): Promise<void> {
    for (let from = 0; from < batch.numRows; ) {
      if (current === undefined) {
        current = { spool: createSpool({ encoding, level }), rows: 0, crc: 0 }
        spools.push(current.spool)
        await current.spool.write(encoder.head)
      }
      const to = Math.min(batch.numRows, from + rowsPerBlock - current.rows)
      const part = from === 0 && to === batch.numRows ? batch : take(batch, range(from, to))
      current.crc = digest(part, key, current.crc)
      current.rows += part.numRows
      await current.spool.write(encoder.message(part))
      from = to
      if (current.rows === rowsPerBlock) await endBlock()
    }
  }

  async function endBlock(): Promise<void> {
    if (current === undefined) return
    const { spool, rows, crc } = current
    await spool.write(encoder.end)
    sealed.push({ body: await spool.end(), rows, crc })
    current = undefined
  }

  async function flush(): Promise<void> {
    const batches = waiting
    waiting = []
    waitingRows = 0
    if (batches.length > 0) await write(concat(batches))
  }

  return {
    get rows() {
      return rows
    },
    async add(batch) {
      rows += batch.numRows
      waiting.push(batch)
      waitingRows += batch.numRows
      if (waitingRows >= messageRows) await flush()
    },
    async seal() {
      await flush()
      await endBlock()
      return sealed
    },
    async clear() {
      const old = spools
      waiting = []
      waitingRows = 0
      sealed = []
      spools = []
      current = undefined
      rows = 0
      for (const spool of old) await spool.clear()
    },
  }
}

const range = (from: number, to: number): Int32Array => Int32Array.from({ length: to - from }, (_, at) => from + at)

/** Of the keys, which have no nulls, in their order: the same for the same rows, whatever batches they come in. */
function digest(batch: RecordBatch, key: readonly number[], crc: number): number {
  let sum = crc
  for (const at of key) {
    const data = batch.data.children[at]!
    const { values, valueOffsets, length, type } = data
    if (Is.isBool(type) || length === 0) continue
    if (valueOffsets !== undefined) {
      for (let row = 0; row < length; row++)
        sum = crc32(values.subarray(Number(valueOffsets[row]), Number(valueOffsets[row + 1])), sum)
    } else {
      const bytes = new Uint8Array(values.buffer, values.byteOffset, length * data.stride * values.BYTES_PER_ELEMENT)
      sum = crc32(bytes, sum)
    }
  }
  return sum
}
