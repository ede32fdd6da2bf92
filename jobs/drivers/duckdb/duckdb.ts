import type { Data, RecordBatch, Schema } from 'apache-arrow'

/**
 * DuckDB for the rooms of this part: Arrow batches in and out without a call per cell. Types of what
 * `openDuckDb` gives (`instance.ts`).
 *
 * Calls wait for each other, but for `stream`, which has a connection of its own. Failures are PipelineErrors with
 * DuckDB's message on one line.
 */
export interface DuckDb {
  /** Runs statements whose rows nobody wants. */
  run(sql: string): Promise<void>
  /** Rows as JavaScript objects, for a few of them: settings, counts, DESCRIBE. 64-bit integers are bigints. */
  rows(sql: string): Promise<Record<string, unknown>[]>
  /** The Arrow schema of what a SELECT gives, without running it. */
  schemaOf(select: string): Promise<Schema>
  /** Runs one SELECT and gives its rows as they come, in batches of up to `rows` (default 65,536). */
  stream(select: string, options?: { rows?: number; signal?: AbortSignal }): AsyncIterable<RecordBatch>
  /** Runs one SELECT to its end: all rows as one batch, undefined where there are none. */
  query(select: string): Promise<RecordBatch | undefined>
  /** Plans a SELECT once, to be run often. */
  prepare(select: string): Promise<Prepared>
  /** Makes (or replaces) an empty table in memory with the columns of an Arrow schema. */
  createTable(name: string, schema: Schema, options?: TableOptions): Promise<void>
  /** Appends rows to such a table: whole columns at a time. After a failure a part of them may be there. */
  append(table: string, batch: RecordBatch): Promise<void>
  /** Makes a function in JavaScript known to SQL. */
  register(scalar: ScalarFunction): Promise<void>
  /** Another connection to the same tables: its calls do not wait for those of this one, with which it is closed. */
  session(): Promise<DuckDb>
  /** Ends what runs just now: it fails with `timeout`. */
  interrupt(): void
  /** Interrupts what runs, and frees all. */
  close(): void
}

export interface DuckDbOptions {
  /** what DuckDB may hold in memory, default 1GiB; it spills to `temporary` */
  memory?: string
  /** folder for what does not fit; default: none, too much memory is then an error */
  temporary?: string
  /** threads of a statement; default 1, which keeps the order of rows */
  threads?: number
  /** files and folders that SQL may touch; default none. All else, extensions and settings are locked */
  allow?: readonly string[]
  /** `7 / 2` is 3, as in PostgreSQL and DataFusion; default false: 3.5 */
  integerDivision?: boolean
}

export interface TableOptions {
  /**
   * Columns with the field metadata `json: true` get DuckDB's type JSON (`type`, the default), so that the metadata
   * is there again when they are read; or VARCHAR (`text`), which compares with any text
   */
  json?: 'type' | 'text'
}

export interface Prepared {
  schema: Schema
  /** All rows as one batch, undefined where there are none. */
  query(): Promise<RecordBatch | undefined>
  close(): void
}

/** A function of SQL that sees whole columns, up to 2,048 rows a call. */
export interface ScalarFunction {
  name: string
  /** SQL type names, such as `VARCHAR` or `BIGINT[]`, or `ANY`: the column then tells */
  parameters: readonly string[]
  /** SQL type name of any further arguments; default: there are none */
  rest?: string
  returns: string
  /** two calls with the same values may differ; default false */
  volatile?: boolean
  /**
   * Takes a column per argument, with nulls in it, and gives one of so many rows, of the Arrow type of `returns`. What
   * it throws fails the statement.
   */
  call(columns: readonly Data[], rows: number): Data
}

/** `"a""b"` */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`
/** `'it''s'` */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
