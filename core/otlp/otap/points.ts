import type { Writer } from '../wire/writer.ts'
import { type Column, high, low, number, slot } from './arrow/column.ts'
import { readAttributes, type WriteAttributes, write64, writeNumber } from './attributes.ts'
import { type Exemplars, readExemplars } from './exemplars.ts'
import { groupByParent, idsOf, readIds } from './ids.ts'
import { buckets, expHistogramPoint, histogramPoint, metricData, numberPoint, quantile, summaryPoint } from './otlp.ts'
import type { PayloadName } from './payloads.ts'
import type { Table } from './table.ts'

type TableOf = (name: PayloadName) => Table | null

/** The data points of one table. */
export interface Points {
  /** the points of a metric, each as `metricData.dataPoints` */
  write(writer: Writer, metricId: number): void
  /** @throws RangeError where points were not written, or twice: their metric is missing, of another kind, or double */
  checkAllWritten(): void
}

const noPoints: Points = { write: () => {}, checkAllWritten: () => {} }

export function readNumberPoints(tableOf: TableOf): Points {
  return readPoints(tableOf('NUMBER_DATA_POINTS'), table => {
    const int = table.column('int_value', 'int64')
    const double = table.column('double_value', 'float64')
    const { attributes, exemplars } = partsOf(tableOf, 'NUMBER')
    const common = commonOf(table, numberPoint, attributes)
    return (writer, row, id) => {
      common(writer, row, id)
      if (slot(int, row) >= 0) write64(writer, numberPoint.asInt, int, row)
      else write64(writer, numberPoint.asDouble, double, row)
      exemplars(writer, numberPoint.exemplars, id)
    }
  })
}

export function readHistogramPoints(tableOf: TableOf): Points {
  return readPoints(tableOf('HISTOGRAM_DATA_POINTS'), table => {
    const bucketCounts = listOf(table, 'bucket_counts', 'uint64')
    const explicitBounds = listOf(table, 'explicit_bounds', 'float64')
    const { attributes, exemplars } = partsOf(tableOf, 'HISTOGRAM')
    const common = commonOf(table, histogramPoint, attributes)
    const distribution = distributionOf(table, histogramPoint)
    return (writer, row, id) => {
      common(writer, row, id)
      distribution(writer, row)
      bucketCounts((items, from, to) => {
        writer.bytesField(histogramPoint.bucketCounts, items.values.data, 8 * from, 8 * to)
      }, row)
      explicitBounds((items, from, to) => {
        writer.bytesField(histogramPoint.explicitBounds, items.values.data, 8 * from, 8 * to)
      }, row)
      exemplars(writer, histogramPoint.exemplars, id)
    }
  })
}

export function readExpHistogramPoints(tableOf: TableOf): Points {
  return readPoints(tableOf('EXP_HISTOGRAM_DATA_POINTS'), table => {
    const scale = table.column('scale', 'int32')
    const zeroCount = table.column('zero_count', 'uint64')
    const zeroThreshold = table.column('zero_threshold', 'float64')
    const positive = bucketsOf(table, 'positive')
    const negative = bucketsOf(table, 'negative')
    const { attributes, exemplars } = partsOf(tableOf, 'EXP_HISTOGRAM')
    const common = commonOf(table, expHistogramPoint, attributes)
    const distribution = distributionOf(table, expHistogramPoint)
    return (writer, row, id) => {
      common(writer, row, id)
      distribution(writer, row)
      writer.zigzag(expHistogramPoint.scale, number(scale, row))
      write64(writer, expHistogramPoint.zeroCount, zeroCount, row)
      write64(writer, expHistogramPoint.zeroThreshold, zeroThreshold, row)
      positive(writer, expHistogramPoint.positive, row)
      negative(writer, expHistogramPoint.negative, row)
      exemplars(writer, expHistogramPoint.exemplars, id)
    }
  })
}

export function readSummaryPoints(tableOf: TableOf): Points {
  return readPoints(tableOf('SUMMARY_DATA_POINTS'), table => {
    const count = table.column('count', 'uint64')
    const sum = table.column('sum', 'float64')
    const list = table.column('quantile', 'list')
    const items = list?.children[0] ?? null
    const quantiles = items && partOf(items, 'quantile')
    const values = items && partOf(items, 'value')
    const common = commonOf(table, summaryPoint, readAttributes(tableOf('SUMMARY_DP_ATTRS')))
    return (writer, row, id) => {
      common(writer, row, id)
      write64(writer, summaryPoint.count, count, row)
      write64(writer, summaryPoint.sum, sum, row)
      const at = slot(list, row)
      if (at < 0) return
      const { offsets } = list!.values
      for (let k = offsets!.getUint32(4 * at, true); k < offsets!.getUint32(4 * at + 4, true); k++) {
        const mark = writer.open(summaryPoint.quantileValues, 1)
        write64(writer, quantile.quantile, quantiles, k)
        write64(writer, quantile.value, values, k)
        writer.close(mark)
      }
    }
  })
}

function readPoints(
  table: Table | null,
  open: (table: Table) => (writer: Writer, row: number, id: number) => void,
): Points {
  if (table === null) return noPoints
  const write = open(table)
  const ids = idsOf(table, 'id')
  // parents of data points are plain differences, since they come in the order of their metrics
  const children = groupByParent(parentsOf(table))
  let written = 0
  return {
    write(writer, metricId) {
      for (let row = children.first(metricId); row >= 0; row = children.next[row]!) {
        const point = writer.open(metricData.dataPoints, 1)
        write(writer, row, ids === null ? -1 : ids[row]!)
        writer.close(point)
        written++
      }
    },
    checkAllWritten() {
      if (written === table.rows) return
      throw new RangeError(`${table.name}: ${written} of ${table.rows} data points have a metric of their kind`)
    },
  }
}

function parentsOf(table: Table): Float64Array {
  const parents = readIds(table.required('parent_id', 'uint16', 'uint32'))
  const orphan = parents.indexOf(-1)
  if (orphan >= 0) throw new RangeError(`${table.name}: column parent_id is null in row ${orphan}`)
  return parents
}

/** What all kinds of points have, but under numbers of their own. */
function commonOf(
  table: Table,
  fields: { startTimeUnixNano: number; timeUnixNano: number; attributes: number; flags: number },
  attributes: WriteAttributes,
): (writer: Writer, row: number, id: number) => void {
  const startTime = table.column('start_time_unix_nano', 'timestamp')
  const time = table.column('time_unix_nano', 'timestamp')
  const flags = table.column('flags', 'uint32')
  return (writer, row, id) => {
    write64(writer, fields.startTimeUnixNano, startTime, row)
    write64(writer, fields.timeUnixNano, time, row)
    attributes(writer, fields.attributes, id)
    writeNumber(writer, fields.flags, flags, row)
  }
}

function distributionOf(
  table: Table,
  fields: { count: number; sum: number; min: number; max: number },
): (writer: Writer, row: number) => void {
  const count = table.column('count', 'uint64')
  const sum = table.column('sum', 'float64')
  const min = table.column('min', 'float64')
  const max = table.column('max', 'float64')
  return (writer, row) => {
    write64(writer, fields.count, count, row)
    write64(writer, fields.sum, sum, row)
    write64(writer, fields.min, min, row)
    write64(writer, fields.max, max, row)
  }
}

function partsOf(
  tableOf: TableOf,
  kind: 'NUMBER' | 'HISTOGRAM' | 'EXP_HISTOGRAM',
): { attributes: WriteAttributes; exemplars: Exemplars } {
  return {
    attributes: readAttributes(tableOf(`${kind}_DP_ATTRS`)),
    exemplars: readExemplars(tableOf(`${kind}_DP_EXEMPLARS`), tableOf(`${kind}_DP_EXEMPLAR_ATTRS`)),
  }
}

type VisitList = (visit: (items: Column, from: number, to: number) => void, row: number) => void

/** A list of numbers of eight bytes; a null one, or an absent column, is not visited. */
function listOf(table: Table, path: string, type: 'uint64' | 'float64'): VisitList {
  const column = table.column(path, 'list')
  const items = column?.children[0]
  if (items === undefined) return () => {}
  if (items.field.type !== type) throw new RangeError(`column ${path} is a list of ${items.field.type}, not ${type}`)
  if (items.validity !== null || items.keys !== null)
    throw new RangeError(`column ${path} is a list with nulls or keys`)
  const offsets = column!.values.offsets!
  return (visit, row) => {
    const at = slot(column, row)
    if (at >= 0) visit(items, offsets.getUint32(4 * at, true), offsets.getUint32(4 * at + 4, true))
  }
}

/** A part of the structs in a list, all of them doubles. */
function partOf(items: Column, name: string): Column | null {
  if (items.field.type !== 'struct') throw new RangeError(`column quantile is a list of ${items.field.type}`)
  const part = items.children.find(({ field }) => field.name === name) ?? null
  if (part !== null && part.field.type !== 'float64') {
    throw new RangeError(`column quantile.${name} is of the type ${part.field.type}, not float64`)
  }
  return part
}

function bucketsOf(table: Table, name: 'positive' | 'negative'): (writer: Writer, field: number, row: number) => void {
  const struct = table.column(name, 'struct')
  const offset = table.column(`${name}.offset`, 'int32')
  const counts = listOf(table, `${name}.bucket_counts`, 'uint64')
  return (writer, field, row) => {
    if (slot(struct, row) < 0) return
    const mark = writer.open(field, 2)
    writer.zigzag(buckets.offset, number(offset, row))
    counts((items, from, to) => {
      const packed = writer.open(buckets.bucketCounts, 2)
      for (let k = from; k < to; k++) {
        writer.reserve(10)
        writer.raw64(low(items, k), high(items, k))
      }
      writer.close(packed)
    }, row)
    writer.close(mark)
  }
}
