import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { plain } from '../../runtime/harness/sink.suite.ts'
import { type DuckDb, literal } from '../duckdb/duckdb.ts'
import { openDuckDb } from '../duckdb/instance.ts'
import { readSql } from './copy.ts'
import { createFiles } from './files.ts'
import { ownFolder } from './layout.ts'
import { readSnapshot } from './snapshot.ts'

/** What tests of lakes have in common. */

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
