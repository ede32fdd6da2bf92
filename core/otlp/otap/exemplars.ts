import type { Writer } from '../wire/writer.ts'
import { slot } from './arrow/column.ts'
import { readAttributes, write64, writeText } from './attributes.ts'
import { childrenOf, idsOf } from './ids.ts'
import { exemplar } from './otlp.ts'
import type { Table } from './table.ts'

/** Writes the exemplars of a data point, each as a message of this field. */
export type Exemplars = (writer: Writer, field: number, parent: number) => void

export function readExemplars(table: Table | null, attributeTable: Table | null): Exemplars {
  if (table === null) return () => {}
  const time = table.column('time_unix_nano', 'timestamp')
  const int = table.column('int_value', 'int64')
  const double = table.column('double_value', 'float64')
  const spanId = table.column('span_id', 'fixed', 'binary')
  const traceId = table.column('trace_id', 'fixed', 'binary')
  const ids = idsOf(table, 'id')
  const attributes = readAttributes(attributeTable)
  const children = childrenOf(table, [int, double])
  return (writer, field, parent) => {
    for (let row = children.first(parent); row >= 0; row = children.next[row]!) {
      const mark = writer.open(field, 1)
      write64(writer, exemplar.timeUnixNano, time, row)
      if (slot(int, row) >= 0) write64(writer, exemplar.asInt, int, row)
      else write64(writer, exemplar.asDouble, double, row)
      writeText(writer, exemplar.spanId, spanId, row)
      writeText(writer, exemplar.traceId, traceId, row)
      if (ids !== null) attributes(writer, exemplar.filteredAttributes, ids[row]!)
      writer.close(mark)
    }
  }
}
