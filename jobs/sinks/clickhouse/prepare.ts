import {
  type Data,
  type DataType,
  Field,
  makeData,
  type RecordBatch,
  Schema,
  Timestamp,
  TimeUnit,
  Uint8,
  Uint64,
} from 'apache-arrow'
import { isNullable } from '../../drivers/clickhouse/types.ts'
import { batchOf } from '../../runtime/batch/build.ts'
import { textReader, validity } from '../../runtime/batch/cells.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { type Op, opsOf, take } from '../../runtime/batch/select.ts'
import type { DeadRow } from '../../runtime/contract.ts'
import type { ClickHouseSinkConfig } from './clickhouse.ts'
import { fitOf } from './fit.ts'
import type { Layout } from './layout.ts'
import { sentAs } from './sent.ts'
import { deletedOf, type Table, versionOf } from './table.ts'

/** Turns batches as they come into what is inserted. */
export interface Preparer {
  /** of what is inserted, in the order of `columns` */
  schema: Schema
  columns: readonly string[]
  /** Undefined: no row is left. `version`: microseconds. */
  prepare(batch: RecordBatch, version: number): RecordBatch | undefined
}

export interface PreparerOptions {
  config: ClickHouseSinkConfig
  layout: Layout
  table: Table
  dead(row: DeadRow): void
  /** The rows that remain, with what became of them, where deletes are statements of their own. */
  seen(batch: RecordBatch, ops: readonly Op[]): void
}

export function createPreparer({ config, layout, table, dead, seen }: PreparerOptions): Preparer {
  const marks = config.append_only_mode
  const deleted = marks ? deletedOf(table) : undefined
  const version = versionOf(table, layout)
  const versionField = version === undefined ? undefined : versionFieldOf(version, table.columns.get(version)!.type)
  const checks = layout.columns.map(({ name, at, field }) => {
    const column = table.columns.get(name)!
    const fit = fitOf(field.type, column.type)
    return {
      name,
      at,
      type: column.type,
      isKey: layout.key.includes(name),
      needsValue: layout.key.includes(name) || !holdsNull(column.type),
      fit: typeof fit === 'function' ? fit : undefined,
    }
  })
  const sent = layout.columns.map(({ name, field }) => sentAs(field, table.columns.get(name)!.type))
  const fields = [
    ...sent.map(({ field }) => field),
    ...(deleted === undefined ? [] : [new Field(deleted, new Uint8(), false)]),
    ...(versionField === undefined ? [] : [versionField]),
  ]
  const schema = new Schema(fields)

  /** Rows that the table cannot hold become dead letters; a delete needs only its key. */
  function fitting(batch: RecordBatch): RecordBatch {
    const faults = new Map<number, string>()
    let ops: readonly Op[] | undefined
    for (const { name, at, type, isKey, needsValue, fit } of checks) {
      const data = batch.data.children[at]!
      if (data.nullCount === 0 && fit === undefined) continue
      const isValid = validity(data)
      const isBad = fit?.(data)
      for (let row = 0; row < batch.numRows; row++) {
        if (isValid(row)) {
          if (isBad?.(row)) faults.set(row, `column ${JSON.stringify(name)}: ${textReader(data)(row)} is no ${type}`)
        } else if (needsValue) {
          ops ??= opsOf(batch)
          if (isKey) faults.set(row, `column ${JSON.stringify(name)} of the primary key is null`)
          else if (ops[row] !== 'd')
            faults.set(row, `column ${JSON.stringify(name)} is null, and the table wants a value there`)
        }
      }
    }
    if (faults.size === 0) return batch
    for (const [row, message] of faults) dead({ code: 'bad_row', message, row: rowsOf(take(batch, [row]))[0]! })
    return take(
      batch,
      Array.from({ length: batch.numRows }, (_, row) => row).filter(row => !faults.has(row)),
    )
  }

  return {
    schema,
    columns: fields.map(({ name }) => name),
    prepare(given, time) {
      let batch = fitting(given)
      if (batch.numRows === 0) return undefined
      const ops = opsOf(batch)
      if (!marks) {
        seen(batch, ops)
        const kept = ops.flatMap((op, row) => (op === 'd' ? [] : [row]))
        if (kept.length === 0) return undefined
        if (kept.length < ops.length) batch = take(batch, kept)
      }
      const data: Data<DataType>[] = layout.columns.map(({ at }, column) => sent[column]!.of(batch.data.children[at]!))
      if (deleted !== undefined)
        data.push(
          makeData({
            type: new Uint8(),
            length: ops.length,
            nullCount: 0,
            data: Uint8Array.from(ops, op => (op === 'd' ? 1 : 0)),
          }),
        )
      if (versionField !== undefined)
        data.push(
          makeData({
            type: versionField.type as Uint64,
            length: batch.numRows,
            nullCount: 0,
            data: new BigUint64Array(batch.numRows).fill(BigInt(time)),
          }),
        )
      return batchOf(schema, data, batch.numRows)
    },
  }
}

/** Times are converted by the server; a number holds microseconds. */
const versionFieldOf = (name: string, type: string): Field =>
  /^Date/.test(type)
    ? new Field(name, new Timestamp(TimeUnit.MICROSECOND, 'UTC'), false)
    : new Field(name, new Uint64(), false)

export const holdsNull = (type: string): boolean =>
  isNullable(type) || /^(Array|Map|Tuple|Nested|JSON|Dynamic|Variant)/.test(type)
