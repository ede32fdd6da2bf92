import { type Data, makeData, type RecordBatch, type Schema, Utf8 } from 'apache-arrow'
import { type ColumnBuilder, columnBuilder } from '../../drivers/avro/column.ts'
import { headersText, keyHeader, opHeader } from '../../drivers/kafka/headers.ts'
import { headersOf, type Records } from '../../drivers/kafka/records.ts'
import { batchOf } from '../../runtime/batch/build.ts'
import type { NodeContext } from '../../runtime/contract.ts'
import type { Format } from './format/decoder.ts'
import { rawHeaders, rawKey } from './format/raw.ts'
import { keyParser } from './tombstone.ts'

/** Rows of a batch that is being made. */
export interface Rows {
  readonly count: number
  readonly full: boolean
  /**
   * Takes records from `at` on, until they end or the rows are full. Gives the place to go on at, and a schema id
   * that must be learned before.
   */
  add(records: Records, at: number, stop: number, partition: number): { at: number; learn: number }
  learn(schemaId: number): Promise<void>
  /** The rows as a batch, and none are left; undefined where there were none. */
  take(): RecordBatch | undefined
}

export interface RowsOptions {
  topic: string
  format: Format
  /** with the metadata and `_gs_op` */
  schema: Schema
  hasMetadata: boolean
  primaryKey: readonly string[]
  /** rows of a batch at most */
  most: number
  context: Pick<NodeContext, 'dead' | 'metrics'>
}

/** Data of a batch at most, about. */
const mostBytes = 16 * 1024 * 1024

const [insert, update, remove] = [0x69, 0x75, 0x64]

export function createRows(options: RowsOptions): Rows {
  const { topic, format, schema, hasMetadata, primaryKey, most, context } = options
  const decoder = format.decoder()
  const builders: ColumnBuilder[] = [...decoder.columns.values()]
  const metadata = hasMetadata
    ? ['partition', 'offset', 'timestamp'].map(name =>
        columnBuilder(schema.fields.find(field => field.name === name)!.type),
      )
    : []
  const key = decoder.columns.get(rawKey)
  const headers = decoder.columns.get(rawHeaders)
  const isRaw = format.takesNull
  const parseKey = keyParser(primaryKey)
  const ops = new Uint8Array(most)
  const kinds = { i: 0, u: 0, d: 0 }
  let count = 0
  let bytes = 0

  function dead(records: Records, row: number, partition: number, code: string, why: string): void {
    const message = `${topic}/${partition}, offset ${records.offsets[row]}: ${why}`
    context.dead({ code, message, row: textOf(records, row) })
  }

  /** Writes the row; gives the id of a schema that is missing, -1 if it is there, and -2 if it is dead. */
  function write(records: Records, row: number, partition: number): number {
    const op = opOf(records.ops[row]!)
    if (op === 0) {
      const given = JSON.stringify(headerOf(records, row, opHeader) ?? null)
      dead(records, row, partition, 'bad_op', `its header ${opHeader} is ${given}: known are c, r, i, u, d`)
      return -2
    }
    const start = records.valueStarts[row]!
    const end = records.valueEnds[row]!
    const isTombstone = start < 0 || (!isRaw && start === end)
    try {
      if (isTombstone && !isRaw) writeKey(records, row)
      else {
        const missing = decoder.decode(records.bytes, start, end, count)
        if (missing !== -1) return missing
      }
    } catch (error) {
      dead(records, row, partition, 'bad_row', (error as Error).message)
      return -2
    }
    if (isRaw) {
      if (records.keyStarts[row]! < 0) key!.setNull(count)
      else key!.setBytes!(count, records.bytes, records.keyStarts[row]!, records.keyEnds[row]!)
      headers!.setValue(count, headersText(headersOf(records, row)))
    }
    if (hasMetadata) {
      metadata[0]!.setNumber!(count, partition)
      metadata[1]!.setValue(count, records.offsets[row])
      metadata[2]!.setValue(count, records.timestamps[row])
    }
    ops[count] = isTombstone ? remove! : op
    bytes += Math.max(0, end - start)
    count++
    return -1
  }

  /** A message without a value deletes the row of its key. */
  function writeKey(records: Records, row: number): void {
    const start = records.keyStarts[row]!
    const values = parseKey(
      start < 0 ? undefined : records.bytes.subarray(start, records.keyEnds[row]!),
      () => headerOf(records, row, keyHeader) === 'text',
    )
    for (const [name, builder] of decoder.columns) {
      try {
        builder.setValue(count, values.get(name) ?? null)
      } catch (error) {
        throw new Error(`its key: column ${JSON.stringify(name)}: ${(error as Error).message}`)
      }
    }
  }

  return {
    get count() {
      return count
    },
    get full() {
      return count >= most || bytes >= mostBytes
    },
    add(records, at, stop, partition) {
      while (at < stop && count < most && bytes < mostBytes) {
        const missing = write(records, at, partition)
        if (missing >= 0) return { at, learn: missing }
        at++
      }
      return { at, learn: -1 }
    },
    learn: id => decoder.learn(id),
    take() {
      if (count === 0) return undefined
      for (let row = 0; row < count; row++) kinds[ops[row] === insert ? 'i' : ops[row] === update ? 'u' : 'd']++
      for (const kind of ['i', 'u', 'd'] as const) {
        if (kinds[kind] > 0) context.metrics.count('row_kind_count', kinds[kind], { kind })
        kinds[kind] = 0
      }
      const columns = [...builders, ...metadata].map(builder => builder.finish(count))
      const batch = batchOf(schema, [...columns, opsColumn(ops, count)], count)
      count = 0
      bytes = 0
      return batch
    },
  }
}

/** Its text; undefined where there is none. */
const headerOf = (records: Records, row: number, wanted: string): string | undefined =>
  headersOf(records, row)
    .find(([name]) => name.equals(Buffer.from(wanted)))?.[1]
    ?.toString()

/** As the model: c and r are inserts; 0: unknown. */
function opOf(header: number): number {
  switch (header) {
    case 0:
    case 0x63:
    case 0x72:
    case insert:
      return insert!
    case update:
      return update!
    case remove:
      return remove!
    default:
      return 0
  }
}

function opsColumn(ops: Uint8Array, rows: number): Data {
  const valueOffsets = new Int32Array(rows + 1)
  for (let row = 0; row <= rows; row++) valueOffsets[row] = row
  return makeData({ type: new Utf8(), length: rows, nullCount: 0, valueOffsets, data: ops.slice(0, rows) })
}

/** The value for a dead letter: text, or base64 of what is none. */
function textOf({ bytes, valueStarts, valueEnds, keyStarts, keyEnds }: Records, row: number): string {
  const [starts, ends] = valueStarts[row]! >= 0 ? [valueStarts, valueEnds] : [keyStarts, keyEnds]
  if (starts[row]! < 0) return ''
  const part = bytes.subarray(starts[row], ends[row])
  try {
    return utf8.decode(part)
  } catch {
    // no text: bytes of Avro, most likely
    return `base64:${part.toString('base64')}`
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
