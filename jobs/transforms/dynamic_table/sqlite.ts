import { setImmediate } from 'node:timers/promises'
import { identifier } from '../../drivers/duckdb/duckdb.ts'
import type { DynamicTable, NodeContext } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { DynamicTableConfig } from './dynamic_table.ts'
import { checkFile, type Db, failure, openFile } from './file.ts'

/** Keys of one go: the thread does other things in between, and other processes get the file. */
const maxBatchSize = 1000
/** Values that the cache holds at most; then it begins anew. */
const cachedValues = 1_000_000

type Config = Pick<
  DynamicTableConfig,
  'path' | 'sql' | 'backend_entity_name' | 'column' | 'time_column' | 'cache' | 'cache_refresh_debounce_ms'
>

/** Writes nothing before the first `add`; a file or table that is missing holds no values. */
export async function openSqliteTable(config: Config, context: NodeContext): Promise<DynamicTable> {
  const { path, backend_entity_name: entity, column, time_column, cache_refresh_debounce_ms: debounce = 1000 } = config
  const file = openFile(path)
  const cache = config.cache ? new Map<string, boolean>() : undefined
  const table = identifier(entity)
  const value = identifier(column)
  let lookedAt = Number.NEGATIVE_INFINITY

  /** One piece of work, tried again while another process holds the file. */
  const attempt = <T>(what: string, work: () => T) =>
    context.retry(what, async () => {
      try {
        return work()
      } catch (error) {
        throw failure(error, path)
      }
    })

  function columnsOf(db: Db): string[] {
    return db.prepare('select name from pragma_table_info(?)').pluck().all(entity) as string[]
  }

  /** Undefined where the table does not exist. */
  function lookUp(): ((value: string) => boolean) | undefined {
    const db = file.reading()
    if (db === undefined || columnsOf(db).length === 0) return undefined
    const find = db.prepare<[string], number>(`select 1 from ${table} where ${value} = ? limit 1`).pluck()
    return wanted => find.get(wanted) !== undefined
  }

  function hasSlice(values: readonly (string | null)[]): boolean[] {
    const find = lookUp()
    if (find === undefined) return values.map(() => false)
    const known = (wanted: string): boolean => {
      const remembered = cache?.get(wanted)
      if (remembered !== undefined) return remembered
      const found = find(wanted)
      if (cache !== undefined) {
        if (cache.size >= cachedValues) cache.clear()
        cache.set(wanted, found)
      }
      return found
    }
    // one read transaction: all of them are looked up in the same state
    return file.reading()!.transaction(() => values.map(wanted => wanted !== null && known(wanted)))()
  }

  function addSlice(values: readonly string[]): void {
    const db = file.writing()
    db.transaction(() => {
      if (columnsOf(db).length === 0)
        db.exec(
          `create table ${table} (${value} text not null primary key, ${identifier(time_column)} integer not null
             default (cast(unixepoch('subsec') * 1000000 as integer)))`,
        )
      // tables that others made may have no unique index
      const insert = db.prepare<[string, string]>(
        `insert into ${table} (${value}) select ? where not exists (select 1 from ${table} where ${value} = ?)`,
      )
      for (const added of values) insert.run(added, added)
    }).immediate()
    for (const added of values) cache?.set(added, true)
  }

  /** Forgets what others may have changed, deletions too, where the last look was `age` ms ago or more. */
  async function refresh(age: number): Promise<void> {
    const now = performance.now()
    if (now - lookedAt < age) return
    lookedAt = now
    if (await attempt(`look at ${entity}`, () => file.changed())) cache?.clear()
  }

  async function find(values: readonly (string | null)[]): Promise<boolean[]> {
    const found: boolean[] = []
    for (const slice of slices(values)) {
      if (found.length > 0) await setImmediate()
      found.push(...(await attempt(`look up ${slice.length} values in ${entity}`, () => hasSlice(slice))))
    }
    return found
  }

  const check = await attempt(`open ${entity}`, () => {
    checkFile(path, config.sql !== undefined)
    const db = file.reading()
    const columns = db && columnsOf(db)
    return columns !== undefined && columns.length > 0 && !columns.includes(column) ? columns : undefined
  })
  if (check !== undefined) {
    file.close()
    throw new PipelineError(
      'bad_pipeline',
      `the table ${entity} in ${path} has no column ${column}: it has ${check.join(', ')}`,
      { path: ['column'] },
    )
  }

  return {
    async has(values) {
      await refresh(debounce)
      return find(values)
    },
    async add(values) {
      // always: a value that was deleted a moment ago is to be there again
      await refresh(0)
      const there = await find(values)
      const missing = [...new Set(values.filter((_, at) => !there[at]))]
      for (const slice of slices(missing))
        await attempt(`add ${slice.length} values to ${entity}`, () => addSlice(slice))
    },
    async close() {
      file.close()
      cache?.clear()
    },
  }
}

function* slices<T>(values: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < values.length; at += maxBatchSize) yield values.slice(at, at + maxBatchSize)
}
