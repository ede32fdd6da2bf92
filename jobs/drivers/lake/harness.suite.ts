import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Field, type RecordBatch, Schema } from 'apache-arrow'
import { batchOfRows, type Row } from '../../runtime/batch/build.ts'
import { typeOf } from '../../runtime/batch/types.ts'
import type { Checkpoint, DeadRow, NodeContext, Stream } from '../../runtime/contract.ts'
import { settingsSchema } from '../../settings.ts'
import { type DuckDb, literal } from '../duckdb/duckdb.ts'
import { openDuckDb } from '../duckdb/instance.ts'
import { readSql } from './copy.ts'
import { createFiles } from './files.ts'
import { ownFolder } from './layout.ts'
import { readSnapshot } from './snapshot.ts'

/** What tests of lakes have in common. */

export function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-lake-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface Watched extends NodeContext {
  warnings: string[]
  deadRows: DeadRow[]
  figures: Map<string, number>
  abort(): void
}

/** `retry` tries once: the runtime's own is not at stake here. */
export function watched(given: Partial<Pick<NodeContext, 'name' | 'pipeline' | 'jobMode'>> = {}): Watched {
  const warnings: string[] = []
  const deadRows: DeadRow[] = []
  const figures = new Map<string, number>()
  const controller = new AbortController()
  return {
    pipeline: 'test/orders',
    name: 'lake',
    settings: settingsSchema.parse({}),
    jobMode: false,
    signal: controller.signal,
    log: { debug() {}, info() {}, warn: message => void warnings.push(message) },
    metrics: {
      count: (name, value) => void figures.set(name, (figures.get(name) ?? 0) + value),
      gauge() {},
      latency() {},
    },
    retry: (_what, attempt) => attempt(),
    dead: row => void deadRows.push(row),
    dropped() {},
    stop() {},
    warnings,
    deadRows,
    figures,
    abort: () => controller.abort(new Error('the attempt is over')),
    ...given,
  }
}

/** `{ id: 'int64' }` as what a node hands on. */
export function streamOf(types: Readonly<Record<string, string>>): Stream {
  return {
    schema: new Schema(Object.entries(types).map(([name, type]) => new Field(name, typeOf(type), true))),
    primaryKey: [],
  }
}

export function batchOf(types: Readonly<Record<string, string>>, rows: readonly Row[]): RecordBatch {
  const { batch, refused } = batchOfRows(streamOf(types).schema, rows)
  if (batch === undefined || refused.length > 0) throw new Error(`bad rows of a test: ${JSON.stringify(refused)}`)
  return batch
}

export const checkpoint = (epoch: number): Checkpoint => ({
  epoch,
  from: { rows: { at: epoch - 1 } },
  to: { rows: { at: epoch } },
})

/** A database that reads folders as anybody would. */
export async function withReader<T>(folder: string, work: (db: DuckDb) => Promise<T>): Promise<T> {
  const db = await openDuckDb({ allow: [folder] })
  try {
    return await work(db)
  } finally {
    db.close()
  }
}

/** One SELECT, with bigints as numbers where they fit; `LAKE` stands for all files by their names. */
export function query(folder: string, sql: string, options = ''): Promise<Record<string, unknown>[]> {
  const lake = `read_parquet(${literal(`${folder}/**/*.parquet`)}, hive_partitioning = true, union_by_name = true${options})`
  return withReader(folder, async db => (await db.rows(sql.replaceAll('LAKE', lake))).map(plain))
}

const plain = (row: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value,
    ]),
  )

/** Files as their names show them, relative to the folder. */
export const visible = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.parquet'))
    .sort()

/** Everything below `_millrace`. */
export const hidden = (folder: string): string[] =>
  readdirSync(join(folder, ownFolder), { recursive: true, encoding: 'utf8' }).sort()

/** Values of a column that readers of names see, in order. */
export async function seenByName(folder: string, column = 'id'): Promise<unknown[]> {
  if (visible(folder).length === 0) return []
  return (await query(folder, `select ${column} from LAKE order by all`)).map(row => row[column])
}

/** Values of a column that readers of manifests see; `open`: with the rows that wait for their file. */
export async function seenByManifest(folder: string, { column = 'id', open = false } = {}): Promise<unknown[]> {
  const { files, manifests } = await readSnapshot(folder)
  return withReader(folder, async db => {
    const selects = files.length === 0 ? [] : [`select ${column} from ${readSql(files)}`]
    for (const [name, { open: waiting }] of open ? manifests : []) {
      const pathOf = (file: string) => join(folder, ownFolder, name, file)
      for (const { values, chunk = Number.POSITIVE_INFINITY, pieces } of waiting.partitions) {
        const where = values
          .map((value, at) => `_millrace_p${at} is not distinct from ${value === null ? 'null' : literal(value)}`)
          .join(' and ')
        const chunks = waiting.chunks.filter(({ seq }) => seq >= chunk).map(({ file }) => pathOf(file))
        if (chunks.length > 0) selects.push(`select ${column} from ${readSql(chunks)} where ${where || 'true'}`)
        if (pieces.length > 0) selects.push(`select ${column} from ${readSql(pieces.map(({ file }) => pathOf(file)))}`)
      }
    }
    if (selects.length === 0) return []
    const rows = await db.rows(`${selects.join(' union all ')} order by all`)
    return rows.map(row => plain(row)[column])
  })
}

/** Values of `id` by the SQL that the sink's README shows. */
export function seenBySql(folder: string): Promise<number[]> {
  const readme = readFileSync(new URL('../../sinks/parquet/README.md', import.meta.url), 'utf8')
  const [, sql] = /```sql\n(.*?)```/s.exec(readme)!
  const statements = sql!
    .replaceAll('./lake', folder)
    .split(/;\n/)
    .filter(part => part !== '')
  return withReader(folder, async db => {
    for (const statement of statements.slice(0, -1)) await db.run(statement)
    const rows = await db.rows(`select id from (${statements.at(-1)}) order by id`)
    return rows.map(({ id }) => Number(id))
  })
}

/** Files whose step number `at` (from 1) fails; `steps` counts them. */
export function failingFiles(at: number, failure: () => Error = () => new Error('a fault of the test')) {
  const state = { steps: [] as string[] }
  const files = createFiles((step, path) => {
    state.steps.push(`${step} ${path}`)
    if (state.steps.length === at) throw failure()
  })
  return { files, state }
}
