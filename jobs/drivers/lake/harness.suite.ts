import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { plain } from '../../runtime/harness/sink.suite.ts'
import { type DuckDb, literal } from '../duckdb/duckdb.ts'
import { openDuckDb } from '../duckdb/instance.ts'
import { mirrored, ownBucket, ownPrefix } from '../s3/harness.suite.ts'
import { readSql } from './copy.ts'
import type { Step } from './files.ts'
import { below, ownFolder } from './layout.ts'
import type { Manifest } from './manifest.ts'
import { type Lake, openLake } from './open.ts'
import { readSnapshot, type Snapshot } from './snapshot.ts'

/** What tests of lakes have in common. */

export interface LakeKind {
  kind: 'folder' | 'bucket'
  skip: string | false
  /** A path of the test's own, where nothing is yet. */
  place(t: TestContext): string
}

/** Where lakes may be: on disk, and in a bucket of the test file's own. */
export async function lakeKinds(): Promise<LakeKind[]> {
  const { skip, bucket } = await ownBucket()
  return [
    { kind: 'folder', skip: false, place: tempFolder },
    { kind: 'bucket', skip, place: () => ownPrefix(bucket) },
  ]
}

/** Opened for a test, with nothing tried again. */
export async function openTestLake(t: TestContext, path: string): Promise<Lake> {
  const lake = await openLake(path, { s3: {}, retry: (_what, attempt) => attempt() })
  t.after(() => lake.close())
  return lake
}

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
export async function query(path: string, sql: string, options = ''): Promise<Record<string, unknown>[]> {
  const folder = await mirrored(path)
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
export async function seenByName(path: string, column = 'id'): Promise<unknown[]> {
  const folder = await mirrored(path)
  if (visible(folder).length === 0) return []
  return (await query(folder, `select ${column} from LAKE order by all`)).map(row => row[column])
}

/** Values of a column that readers of manifests see; `open`: with the rows that wait for their file. */
export async function seenByManifest(path: string, { column = 'id', open = false } = {}): Promise<unknown[]> {
  const { root, files, workplace, close } = await openLake(path, { s3: {}, retry: (_what, attempt) => attempt() })
  try {
    const snapshot = await readSnapshot(root, files)
    const waiting = open ? snapshot.manifests : new Map<string, Manifest>()
    const staged = [...waiting].flatMap(
      ([
        name,
        {
          open: { chunks, partitions },
        },
      ]) =>
        [...chunks, ...partitions.flatMap(({ pieces }) => pieces)].map(({ file }) =>
          below(root, ownFolder, name, file),
        ),
    )
    await files.fetch([...snapshot.files, ...staged])
    const [folder] = workplace(root, '').allow
    return await valuesOf(folder!, { ...snapshot, manifests: waiting }, { column, root, local: files.local })
  } finally {
    await close()
  }
}

function valuesOf(
  folder: string,
  { files, manifests }: Snapshot,
  { column, root, local }: { column: string; root: string; local: (path: string) => string },
): Promise<unknown[]> {
  return withReader(folder, async db => {
    const selects = files.length === 0 ? [] : [`select ${column} from ${readSql(files.map(local))}`]
    for (const [name, { open: waiting }] of manifests) {
      const pathOf = (file: string) => local(below(root, ownFolder, name, file))
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
export async function seenBySql(path: string): Promise<number[]> {
  const folder = await mirrored(path)
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

/** Lets step number `at` (from 1) fail; `steps` counts them. */
export function failingStep(at: number, failure: () => Error = () => new Error('a fault of the test')) {
  const state = { steps: [] as string[] }
  const before = (step: Step, path: string): void => {
    state.steps.push(`${step} ${path}`)
    if (state.steps.length === at) throw failure()
  }
  return { before, state }
}
