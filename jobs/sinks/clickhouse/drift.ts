import { DataType as Is } from 'apache-arrow'
import { showTable } from '../../drivers/clickhouse/names.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { fitOf } from './fit.ts'
import type { Layout } from './layout.ts'
import { holdsNull } from './prepare.ts'
import type { Table } from './table.ts'

/**
 * What an ALTER changed of the columns that are inserted; undefined: nothing that counts. Rows were looked through for the
 * types that the table had when the run began; for another type the server would change them, or make NULL of them, and
 * say nothing. The error ends the attempt, and the next one goes by the table as it is then.
 */
export function driftOf(
  table: Table,
  now: Table['columns'],
  layout: Layout,
  inserted: readonly string[],
): PipelineError | undefined {
  for (const name of inserted) {
    const before = table.columns.get(name)!
    const after = now.get(name)
    if (after !== undefined && after.computed === before.computed && isAlike(name, before.type, after.type, layout))
      continue
    const what =
      after === undefined
        ? 'is gone'
        : `is now ${after.type}${after.computed ? ', and computed' : ''}, for which the rows of this epoch were not looked through`
    return new PipelineError(
      'unavailable',
      `column ${JSON.stringify(name)} of table ${showTable(table.name)} was ${before.type} when this run began, and ${what}: this attempt ends, and the next one goes by the table as it is then`,
    )
  }
  return undefined
}

/** Rows that one takes are those that the other takes. */
function isAlike(name: string, before: string, after: string, { columns }: Layout): boolean {
  if (before === after) return true
  const field = columns.find(column => column.name === name)?.field
  // the sink's own columns, and times of day, are sent as their column is
  if (field === undefined || Is.isTime(field.type)) return false
  return [before, after].every(type => fitOf(field.type, type) === 'all') && holdsNull(before) === holdsNull(after)
}
