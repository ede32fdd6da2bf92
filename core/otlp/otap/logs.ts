import type { Writer } from '../wire/writer.ts'
import { number, slot } from './arrow/column.ts'
import { readAttributes, write64, writeNumber, writeText } from './attributes.ts'
import { writeGroups } from './groups.ts'
import { idsOf } from './ids.ts'
import { logRecord, scopeGroup } from './otlp.ts'
import type { PayloadName } from './payloads.ts'
import type { Table } from './table.ts'
import { valueColumns, writeValue } from './values.ts'

/** Writes an ExportLogsServiceRequest. */
export function writeLogs(writer: Writer, tableOf: (name: PayloadName) => Table | null, root: Table): void {
  const time = root.required('time_unix_nano', 'timestamp')
  const observed = root.column('observed_time_unix_nano', 'timestamp')
  const severityNumber = root.column('severity_number', 'int32')
  const severityText = root.column('severity_text', 'utf8')
  const eventName = root.column('event_name', 'utf8')
  const dropped = root.column('dropped_attributes_count', 'uint32')
  const flags = root.column('flags', 'uint32')
  const traceId = root.column('trace_id', 'fixed', 'binary')
  const spanId = root.column('span_id', 'fixed', 'binary')
  const body = root.column('body', 'struct')
  const values = body && valueColumns(root, 'body.')
  const ids = idsOf(root, 'id')
  const attributes = readAttributes(tableOf('LOG_ATTRS'))

  writeGroups(writer, root, tableOf('RESOURCE_ATTRS'), tableOf('SCOPE_ATTRS'), row => {
    const record = writer.open(scopeGroup.records, 2)
    write64(writer, logRecord.timeUnixNano, time, row)
    write64(writer, logRecord.observedTimeUnixNano, observed, row)
    writeNumber(writer, logRecord.severityNumber, severityNumber, row)
    writeText(writer, logRecord.severityText, severityText, row)
    if (values !== null && slot(body, row) >= 0) {
      const value = writer.open(logRecord.body, 2)
      writeValue(writer, values, row)
      writer.close(value)
    }
    if (ids !== null) attributes(writer, logRecord.attributes, ids[row]!)
    writeNumber(writer, logRecord.droppedAttributesCount, dropped, row)
    if (number(flags, row) !== 0) writer.fixed32(logRecord.flags, number(flags, row))
    writeText(writer, logRecord.traceId, traceId, row)
    writeText(writer, logRecord.spanId, spanId, row)
    writeText(writer, logRecord.eventName, eventName, row)
    writer.close(record)
  })
}
