import { mkdtemp, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { type OtlpRow, rowsOf } from '../../../core/otlp/rows.ts'
import { type OtlpTable, otlpTableNames } from '../../../core/otlp/tables.ts'
import * as log from '../../log.ts'
import type { Target, Written } from '../target.ts'
import { ndjsonLine, type ParquetColumn, parquetColumns, quoted, selectSql } from './columns.ts'
import { createLines, type Lines } from './lines.ts'

export interface ParquetOptions {
  /** ends in `.parquet` */
  path: string
  promote: readonly string[]
  /** whether a row that Parquet cannot hold is left out, or an error */
  skip: boolean
  signal: AbortSignal
}

interface Table {
  columns: ParquetColumn[]
  lines: Lines
  file: string
}

/** What DuckDB may hold in memory; it spills to the folder of the work. */
const memoryLimit = '1GiB'
const rowGroupBytes = 64 * 1024 * 1024

/**
 * One table becomes `path`, several become `NAME.TABLE.parquet` beside each other. All is written in a folder next to
 * them, and gets its name once it is whole and synced.
 */
export async function createParquetTarget({ path, promote, skip, signal }: ParquetOptions): Promise<Target> {
  const tables = new Map<OtlpTable, Table>()
  const target = dirname(path)
  const folder = await mkdtemp(join(target, `.${basename(path)}-`)).catch(cause => {
    throw new Error(`write ${path}`, { cause })
  })

  function tableOf(name: OtlpTable): Table {
    let table = tables.get(name)
    if (table === undefined) {
      const file = join(folder, `${name}.ndjson.zst`)
      tables.set(name, (table = { columns: parquetColumns(name, promote), lines: createLines(file), file }))
    }
    return table
  }

  const lineOf = ({ table, row }: OtlpRow): string | RangeError => {
    try {
      return ndjsonLine(tableOf(table).columns, row)
    } catch (thrown) {
      if (thrown instanceof RangeError) return thrown
      throw thrown
    }
  }

  return {
    count: async () => 0,
    async put({ records }, { file, offset }) {
      let rejected = records.dead.length
      let message = records.dead[0]?.message ?? ''
      const lines = new Map<OtlpTable, string[]>()
      for (const row of rowsOf(records, promote)) {
        const line = lineOf(row)
        if (typeof line === 'string') {
          const others = lines.get(row.table)
          if (others === undefined) lines.set(row.table, [line])
          else others.push(line)
          continue
        }
        const refusal = `record ${offset + row.at}: ${line.message}`
        if (!skip) throw new Error(`${refusal}; --on-error skip leaves such records out`)
        log.warn(`${file}: ${refusal}; it is left out`)
        message ||= line.message
        rejected++
      }
      for (const [name, list] of lines) await tableOf(name).lines.write(list)
      return { rejected, message }
    },
    async finish() {
      const names = otlpTableNames.filter(name => (tables.get(name)?.lines.rows ?? 0) > 0)
      if (names.length === 0) return []
      const pathOf = (name: OtlpTable) => (names.length === 1 ? path : path.replace(/\.parquet$/, `.${name}.parquet`))
      await Promise.all(names.map(name => tables.get(name)!.lines.end()))
      const written = await withDuckDb(folder, signal, async connection => {
        const list: (Written & { from: string })[] = []
        for (const name of names) {
          const { columns, lines, file } = tables.get(name)!
          const from = join(folder, `${name}.parquet`)
          const select = selectSql(columns, file, lines.longest)
          const options = `format parquet, compression zstd, row_group_size ${rowGroupSize(lines)}`
          await connection.run(`copy (${select}) to ${quoted(from)} (${options})`)
          await rm(file)
          await sync(from)
          list.push({ table: name, rows: lines.rows, path: pathOf(name), from })
        }
        return list
      })
      for (const { from, path: to } of written) await rename(from, to)
      await sync(target)
      return written.map(({ table, rows, path: to }) => ({ table, rows, path: to }))
    },
    async close() {
      for (const { lines } of tables.values()) await lines.destroy()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** DuckDB's own number of rows, or fewer where they are long: a group is made in memory. */
function rowGroupSize({ rows, bytes }: Lines): number {
  return Math.max(2048, Math.min(122_880, Math.floor((rowGroupBytes * rows) / bytes)))
}

async function withDuckDb<T>(
  folder: string,
  signal: AbortSignal,
  use: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: memoryLimit, temp_directory: folder })
  try {
    const connection = await instance.connect()
    const interrupt = () => connection.interrupt()
    signal.addEventListener('abort', interrupt)
    try {
      signal.throwIfAborted()
      return await use(connection)
    } finally {
      signal.removeEventListener('abort', interrupt)
      connection.closeSync()
    }
  } finally {
    instance.closeSync()
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
