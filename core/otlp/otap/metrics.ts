import type { Writer } from '../wire/writer.ts'
import { boolean, number } from './arrow/column.ts'
import { readAttributes, writeNumber, writeText } from './attributes.ts'
import { writeGroups } from './groups.ts'
import { idsOf } from './ids.ts'
import { metric, metricData, metricKinds, scopeGroup } from './otlp.ts'
import type { PayloadName } from './payloads.ts'
import { readExpHistogramPoints, readHistogramPoints, readNumberPoints, readSummaryPoints } from './points.ts'
import type { Table } from './table.ts'

/** Writes an ExportMetricsServiceRequest. A data point is a record: one without its metric refuses the message. */
export function writeMetrics(writer: Writer, tableOf: (name: PayloadName) => Table | null, root: Table): void {
  const type = root.required('metric_type', 'uint8')
  const name = root.column('name', 'utf8')
  const description = root.column('description', 'utf8')
  const unit = root.column('unit', 'utf8')
  const temporality = root.column('aggregation_temporality', 'int32')
  const isMonotonic = root.column('is_monotonic', 'bool')
  const ids = idsOf(root, 'id')
  const metadata = readAttributes(tableOf('METRIC_ATTRS'))
  const numbers = readNumberPoints(tableOf)
  const histograms = readHistogramPoints(tableOf)
  const expHistograms = readExpHistogramPoints(tableOf)
  const summaries = readSummaryPoints(tableOf)
  const kinds = new Map([
    [metricKinds.gauge[0], { field: metricKinds.gauge[1], points: numbers }],
    [metricKinds.sum[0], { field: metricKinds.sum[1], points: numbers }],
    [metricKinds.histogram[0], { field: metricKinds.histogram[1], points: histograms }],
    [metricKinds.expHistogram[0], { field: metricKinds.expHistogram[1], points: expHistograms }],
    [metricKinds.summary[0], { field: metricKinds.summary[1], points: summaries }],
  ] as [number, { field: number; points: typeof numbers }][])

  writeGroups(writer, root, tableOf('RESOURCE_ATTRS'), tableOf('SCOPE_ATTRS'), row => {
    const record = writer.open(scopeGroup.records, 3)
    writeText(writer, metric.name, name, row)
    writeText(writer, metric.description, description, row)
    writeText(writer, metric.unit, unit, row)
    const kind = kinds.get(number(type, row))
    if (kind !== undefined) {
      const data = writer.open(kind.field, 3)
      if (ids !== null) kind.points.write(writer, ids[row]!)
      writeNumber(writer, metricData.aggregationTemporality, temporality, row)
      if (boolean(isMonotonic, row)) writer.varint(metricData.isMonotonic, 1)
      writer.close(data)
    }
    if (ids !== null) metadata(writer, metric.metadata, ids[row]!)
    writer.close(record)
  })

  for (const points of [numbers, histograms, expHistograms, summaries]) points.checkAllWritten()
}
