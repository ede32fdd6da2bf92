import type { RecordBatch } from 'apache-arrow'
import { type Cell, cellReader } from '../../drivers/sqlite-sink/cells.ts'
import type { SharedDatabase } from '../../drivers/sqlite-sink/connection.ts'
import {
  accept,
  createNanWatch,
  type Objection,
  type Reader,
  refuseChange,
  tooLarge,
  withoutKey,
} from '../../drivers/sqlite-sink/rows.ts'
import { createStaging, type StagedColumn } from '../../drivers/sqlite-sink/staging.ts'
import {
  addSql,
  type Column,
  keyOf as keyOfTable,
  missingColumns,
  quote,
  readTable,
  type Table,
} from '../../drivers/sqlite-sink/table.ts'
import { staged } from '../../drivers/sqlite-sink/types.ts'
import { columnsOf as cellsOf } from '../../runtime/batch/cells.ts'
import { kindOf } from '../../runtime/batch/kinds.ts'
import { opsOf } from '../../runtime/batch/select.ts'
import { OP } from '../../runtime/batch/types.ts'
import type { NodeContext, Stream } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { columnsOf, keyOf } from './check.ts'
import type { SqliteConfig } from './sqlite.ts'
import { applySql } from './statements.ts'

/** The table of the sink with the rows that wait for it. */
export interface Target {
  readonly rows: number
  write(batch: RecordBatch): Promise<void>
  /** What can be done before the transaction of `apply`. */
  prepare(): void
  /** Applies what was written, inside a transaction. */
  apply(): void
  clear(): void
  drop(): void
}

export function createTarget(
  shared: SharedDatabase,
  table: Table,
  config: SqliteConfig,
  input: Stream,
  context: NodeContext,
): Target {
  const { db } = shared
  const columns = columnsOf(input)
  const key = keyOf(config, input)
  const keyAt = key.map(name => columns.findIndex(column => column.name === name))
  const collations = keyOfTable(table, key)
  const staging = createStaging(shared, columns.map(stagedColumn))
  const gone = createGone()
  const watchNan = createNanWatch(context)
  /** columns that came up since, which the table gets with the next commit */
  let drifted = false
  let toldOfDeletes = false

  function stagedColumn({ name, type }: Column): StagedColumn {
    const collation = key.includes(name) ? collations?.get(name.toLowerCase()) : undefined
    return { affinity: staged(kindOf(type)), collation }
  }

  /** The keys that were deleted, each with its last delete. */
  function createGone(): string {
    const name = `temp._millrace_gone_${shared.number()}`
    const keys = keyAt.map((at, n) => {
      const { affinity, collation } = stagedColumn(columns[at]!)
      return `k${n} ${affinity}${collation === undefined ? '' : ` collate ${quote(collation)}`}`
    })
    const primaryKey = keyAt.length === 0 ? '' : `, primary key (${keyAt.map((_, n) => `k${n}`).join(', ')})`
    shared.stage(() => db.exec(`create table ${name} (${[...keys, 'seq integer'].join(', ')}${primaryKey})`))
    return name
  }

  /** The columns of the batch in the order of the staging, which grows by those that are new. */
  function readersOf(batch: RecordBatch): { readers: Reader[]; objections: Objection[] } {
    const cells = new Map(cellsOf(batch).map(({ name, data }) => [name, data]))
    for (const { name, type } of batch.schema.fields) {
      const known = columns.find(column => column.name === name)
      if (known !== undefined) refuseChange(known, type)
      else if (name !== OP) addColumn({ name, type })
    }
    const objections: Objection[] = []
    const readers = columns.map(({ name, type }) => {
      const data = cells.get(name)
      const affinity = table.columns.get(name.toLowerCase())?.affinity
      const reader: Reader = data === undefined ? nothing : cellReader(data, affinity === 'INTEGER')
      if (key.includes(name)) objections.push(withoutKey(name, reader))
      if (kindOf(type) === 'uint64' && affinity === 'INTEGER') objections.push(tooLarge(name, reader))
      return reader
    })
    return { readers, objections }
  }

  function addColumn(column: Column): void {
    const isThere = table.columns.has(column.name.toLowerCase())
    if (config.schema_drift === 'fail' && !isThere)
      throw new PipelineError(
        'bad_data',
        `column ${quote(column.name)} is new, and schema_drift is fail: add it to table ${quote(table.name)} and start again, or set schema_drift: add`,
      )
    missingColumns(table, [...columns, column], key)
    staging.addColumn(stagedColumn(column))
    columns.push(column)
    drifted = true
  }

  function alter(): void {
    const now = readTable(db, table.name)
    if (now === undefined)
      throw new PipelineError('state', `table ${quote(table.name)} is gone: put it back, or start again with --reset`)
    for (const column of missingColumns(now, columns, key)) db.exec(addSql(now, column))
  }

  return {
    get rows() {
      return staging.rows
    },
    async write(batch) {
      const { readers, objections } = readersOf(batch)
      watchNan(batch)
      await staging.add(readers, opsOf(batch), accept(batch, objections, context))
      if (!staging.deletes || key.length > 0 || toldOfDeletes) return
      toldOfDeletes = true
      context.log.warn(`deletes are left out: without a primary_key no row of table ${quote(table.name)} can be found`)
    },
    prepare() {
      if (!staging.deletes || key.length === 0) return
      const keys = keyAt.map(at => `c${at}`).join(', ')
      shared.stage(() =>
        db.exec(
          `delete from ${gone}; insert into ${gone} select ${keys}, max(seq) from ${staging.table} where op = 'd' group by ${keys}`,
        ),
      )
    },
    apply() {
      if (drifted) alter()
      const names = columns.map(({ name }) => name)
      const statements = applySql(
        { table: table.name, staged: staging.table, gone, columns: names, key: keyAt, config },
        staging.deletes,
      )
      for (const sql of statements) db.prepare(sql).run()
    },
    clear() {
      drifted = false
      staging.clear()
    },
    drop() {
      staging.drop()
      shared.stage(() => db.exec(`drop table ${gone}`))
    },
  }
}

const nothing = (): Cell => null
