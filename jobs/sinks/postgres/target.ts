import type { RecordBatch } from 'apache-arrow'
import { quote } from '../../drivers/postgres/names.ts'
import type { PgSession } from '../../drivers/postgres/session.ts'
import { versionOf } from '../../drivers/postgres-sink/connection.ts'
import { createDistinct } from '../../drivers/postgres-sink/distinct.ts'
import { refuseChange, refuseRow, withKey } from '../../drivers/postgres-sink/rows.ts'
import { createStaging, type On, type StagedSlot } from '../../drivers/postgres-sink/staging.ts'
import { addSql, type Column, columnOf, missingColumns, type Table } from '../../drivers/postgres-sink/table.ts'
import { OP } from '../../runtime/batch/types.ts'
import type { NodeContext, Stream } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { fieldsOf, keyOf } from './check.ts'
import type { PostgresConfig } from './postgres.ts'
import { applySql, mergeSql } from './statements.ts'

/** The table of the sink with the rows that wait for it. */
export interface Target {
  readonly rows: number
  write(batch: RecordBatch): Promise<void>
  /**
   * What publishes the rows, in one transaction; where it fails as 23505 (another one has inserted a key), the next way
   * may do
   */
  publishSql(): string[][]
  readonly clearSql: string
  cleared(): void
}

export async function createTarget(
  session: PgSession,
  table: Table,
  config: PostgresConfig,
  input: Stream,
  context: NodeContext,
  on: On,
): Promise<Target> {
  const fields = fieldsOf(input)
  const key = keyOf(config, input)
  const staging = await createStaging(session, fields.map(columnOf).map(slotOf), on)
  // to the server a uuid is the same however it is spelled, and the watch knows the spellings
  const uuids = key.filter(name => table.columns.get(name)!.base === 'uuid')
  const folds = key.some(name => table.columns.get(name)!.folds && !uuids.includes(name))
  /** columns that came up since, which the table gets with the next commit */
  const drifted: Column[] = []
  const distinct = createDistinct(key, uuids)
  const canMerge = (await versionOf(session)) >= 150_000
  let toldOfDeletes = false

  function slotOf({ name, type }: Column): StagedSlot {
    const there = table.columns.get(name)
    const { base, collation = null } = there ?? {}
    return { name, type: there?.type ?? type, base, collation, idleInDeletes: !key.includes(name) }
  }

  async function addColumns(batch: RecordBatch): Promise<void> {
    for (const field of batch.schema.fields) {
      if (field.name === OP) continue
      const known = fields.find(({ name }) => name === field.name)
      if (known !== undefined) {
        refuseChange(known, field)
        continue
      }
      const column = columnOf(field)
      const missing = missingColumns(table, [...fields.map(columnOf), column], key).some(
        ({ name }) => name === field.name,
      )
      if (missing && config.schema_drift === 'fail')
        throw new PipelineError(
          'bad_data',
          `column ${quote(field.name)} is new, and schema_drift is fail: add it to table ${config.schema}.${table.name} and start again, or set schema_drift: add`,
        )
      await staging.addSlot(slotOf(column))
      fields.push(field)
      if (missing) drifted.push(column)
    }
  }

  return {
    get rows() {
      return staging.rows
    },
    async write(batch) {
      await addColumns(batch)
      const rows = withKey(batch, key, context)
      if (key.length > 0) distinct.add(rows)
      await staging.add(rows, (row, message) => refuseRow(context, row, message))
      if (!staging.deletes || key.length > 0 || toldOfDeletes) return
      toldOfDeletes = true
      context.log.warn(`deletes are left out: without a primary_key no row of table ${quote(table.name)} can be found`)
    },
    publishSql() {
      const columns = fields.map(({ name }) => name)
      const keyAt = key.map(name => columns.indexOf(name))
      const into = { config, staged: staging.table, columns, key: keyAt, folds }
      const { deletes } = staging
      const { repeats } = distinct
      const ways = [applySql(into, { deletes, repeats })]
      if (canMerge && keyAt.length > 0 && !repeats && !folds) ways.unshift(mergeSql(into, deletes))
      const alter = drifted.map(column => addSql(config.schema, table.name, column))
      return ways.map(way => [...alter, ...way])
    },
    clearSql: staging.clearSql,
    cleared() {
      drifted.length = 0
      staging.cleared()
      distinct.clear()
    },
  }
}
