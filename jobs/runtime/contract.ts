import type { RecordBatch, Schema } from 'apache-arrow'
import type * as z from 'zod'
import type { Settings } from '../settings.ts'

/**
 * What a node of a pipeline promises, and what the runtime may ask of it. Types only.
 *
 * Rules for implementers:
 * - Rows travel as Arrow record batches without dictionary columns. A batch is shared by all who read it: nobody
 *   changes one. The column `_gs_op` (Utf8: i, u or d), where there is one, says what became of the row; rows without
 *   are inserts. See `batch/`.
 * - `open` of a source or transform writes nothing anywhere: `check` opens them, too. A sink makes its tables, files
 *   and folders in `open`, which `check` does not call.
 * - The runtime makes one call of a node at a time, but for `finalized`, and unless it says `concurrency`. After `close` it makes none, and
 *   `close` is called once, also after a failure.
 * - Whatever waits must end soon once `context.signal` aborts, by a rejection with any error, and free what it holds.
 * - What becomes of a row is a value: passed on, dropped (`context.dropped`), or dead (`context.dead`). A rejection is
 *   a PipelineError: the attempt ends, and the pipeline starts again from its last checkpoint where the code allows.
 *   What may pass by itself is retried inside `context.retry`.
 * - What the configuration gets wrong is a PipelineError `bad_pipeline` with the `path` of the key.
 */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/**
 * How far a source has read: a value per partition (a topic's partition, a file, a phase). Each is kept under
 * `SOURCE:PARTITION` in the state backend. Opaque to the runtime, which only compares for equality.
 */
export type Position = Readonly<Record<string, Json>>

/** The positions of all sources, by name. */
export type Positions = Readonly<Record<string, Position>>

/** One epoch: exactly the rows of all sources in (from, to]. */
export interface Checkpoint {
  epoch: number
  from: Positions
  to: Positions
}

export interface NodeContext {
  /** namespace of the pipeline's state: `APPLICATION_ID/PIPELINE` */
  pipeline: string
  /** of the node */
  name: string
  settings: Settings
  /** the run ends after the bounded phases: a source that follows ends at what is there when it opens */
  jobMode: boolean
  /** aborts with the attempt */
  signal: AbortSignal
  log: NodeLog
  metrics: NodeMetrics
  /**
   * Runs `attempt` until it succeeds, fails for good (an error that is not `retryable`), or the signal aborts: waits
   * 100 ms, doubled up to 30 s, with jitter, or as long as `retryAfter` says. Meanwhile the node counts as degraded.
   * `what` names the try in messages: `POST http://…`.
   */
  retry<T>(what: string, attempt: () => Promise<T>): Promise<T>
  /** This row goes to the dead letters of the pipeline. */
  dead(row: DeadRow): void
  /** So many rows were left out on purpose (skip_on_error, a script's null); they are counted. */
  dropped(rows: number): void
  /** Asks the pipeline to drain and end with a last checkpoint: a node has seen all that it was asked for. */
  stop(reason: string): void
}

export interface NodeLog {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
}

/** Figures of a node beyond those that the runtime takes itself (rows, batches, time, retries). Names: snake_case. */
export interface NodeMetrics {
  count(name: string, value: number, labels?: Readonly<Record<string, string>>): void
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void
  /** seconds */
  latency(name: string, value: number, labels?: Readonly<Record<string, string>>): void
}

export interface DeadRow {
  /** of the table of what went wrong, such as `bad_row`, `script_error`, `http_422` */
  code: string
  /** a sentence that names the place: `line 17 of a.ndjson: …` */
  message: string
  /**
   * The row as it came into the node, as a JSON object, so that it can be retried there; or the bytes as text where
   * they are no row (a broken line of a file), which cannot be retried
   */
  row: { readonly [column: string]: Json } | string
}

/** What a node is given, and what it hands on. */
export interface Stream {
  schema: Schema
  /** columns of the primary key; empty: none is known */
  primaryKey: readonly string[]
}

// Sources ------------------------------------------------------------------------------------------------------------

export interface SourceDefinition<C = unknown> {
  type: string
  /** strict, with a description on each key; without `type` */
  config: z.ZodType<C>
  /** `open` asks a server: `check` does so only with `--connect`. Default: it does not */
  remote?(config: C): boolean | Promise<boolean>
  open(config: C, context: NodeContext): Promise<Source>
  /**
   * Of a database whose tables are filled from a topic: the highest offset of each partition that they have, as another
   * of its tables says. A hybrid source asks for it before it reads anything
   */
  offsets?(config: C, table: OffsetTable, context: NodeContext): Promise<ReadonlyMap<number, bigint>>
}

/** A table with a row per batch, or per row, that came from a topic. */
export interface OffsetTable {
  table_name: string
  partition_column: string
  offset_column: string
  /** null: all of its rows are of the topic */
  topic_column: string | null
  /** what stands there for the topic: any of these */
  topics: readonly string[]
}

export interface Source {
  schema: Schema
  /** where the data itself declares one; a `primary_key` of the configuration goes before it */
  primaryKey?: readonly string[]
  /** its rows come to an end */
  bounded: boolean
  /** The position before the first row, where there is no state: resolves `start_at` and the like. */
  start(): Promise<Position>
  /** The same, for somebody who has the rows of a topic up to these offsets, by partition; of others none. */
  startAfter?(offsets: ReadonlyMap<number, bigint>): Promise<Position>
  /**
   * The rows after `from`. With `to`, which is a position that an earlier reader reported: exactly those up to it, and
   * then the end, so that an epoch can be read again. One reader at a time.
   * A position that the data no longer has (a log cut off, a file changed) is an error, never a gap.
   */
  read(from: Position, to?: Position): SourceReader
  /** The checkpoint with this position is durable. May be skipped, repeated, or come beside other calls; never fails the pipeline. */
  finalized?(position: Position): Promise<void>
  close(): Promise<void>
}

export interface SourceReader {
  /**
   * The next rows as soon as there are any; undefined at the end. A batch without rows reports that the position went
   * on all the same: rows were filtered out, or are dead. One call at a time. It may stay pending for as long as no row
   * comes: markers pass by it.
   */
  next(): Promise<SourceRows | undefined>
  /** A call of `next` may be pending: it then ends soon, in whatever way. */
  close(): Promise<void>
}

export interface SourceRows {
  batch: RecordBatch
  /** after the last row of the batch, of all partitions */
  position: Position
}

// Transforms ---------------------------------------------------------------------------------------------------------

export interface TransformDefinition<C = unknown> {
  type: string
  config: z.ZodType<C>
  /** Names of the nodes that it reads: `from`, or what its SQL names. Throws a PipelineError where it cannot tell. */
  inputs(config: C, nodes: readonly string[]): Promise<readonly string[]> | readonly string[]
  open(config: C, inputs: ReadonlyMap<string, Stream>, context: TransformContext): Promise<Transform>
}

export interface TransformContext extends NodeContext {
  /** the dynamic tables of the pipeline, by name */
  tables: ReadonlyMap<string, DynamicTable>
  /** functions of plugins */
  udfs: readonly Udf[]
}

export interface Transform {
  /** of what comes out */
  schema: Schema
  /**
   * how many calls of `process` may run at once (their results still go on in order), default 1. A checkpoint waits
   * for all of them
   */
  concurrency?: number
  /**
   * What a call takes: the runtime joins what has already come up to `rows` (default 65,536) and, where `wait` is set,
   * waits up to so many milliseconds for more. It never splits or joins across a checkpoint
   */
  batching?: { rows?: number; wait?: number }
  /** `batches` come from the node `from`, in order, and have at least one row together. */
  process(batches: readonly RecordBatch[], from: string): Promise<readonly RecordBatch[]>
  /** All rows of the epoch went through `process`; its results may be thrown away if the attempt ends before `finalized`. */
  checkpoint?(epoch: number): Promise<void>
  finalized?(epoch: number): Promise<void>
  close(): Promise<void>
}

/** Values that SQL can look up: `dynamic_table_check(NAME, value)`. */
export interface DynamicTable {
  /** the node whose rows fill it; undefined: only others write to it */
  filledBy?: string | undefined
  /** For each value whether the table has it. Null is never there. */
  has(values: readonly (string | null)[]): Promise<readonly boolean[]>
  /** Adds values; those that are there already stay. */
  add(values: readonly string[]): Promise<void>
  close(): Promise<void>
}

export interface Udf {
  name: string
  /** DuckDB type names */
  parameters: readonly string[]
  returns: string
  /** one call per row with values as DuckDB's JSON gives them; null for a null */
  call(...values: readonly (null | boolean | number | bigint | string)[]): null | boolean | number | bigint | string
  /** false: two calls with the same values may differ. Default true */
  deterministic?: boolean
}

/** Sees every batch of a node just before it is handed on, and changes none. */
export interface SideOutput {
  observe(batch: RecordBatch): Promise<void>
  close(): Promise<void>
}

// Sinks --------------------------------------------------------------------------------------------------------------

export interface SinkDefinition<C = unknown> {
  type: string
  config: z.ZodType<C>
  /** as the README states it; at_least_once: rows of an unfinished epoch may be seen again */
  guarantee: 'exactly_once' | 'at_least_once'
  /** Rejects with every mistake that can be seen without writing anything: columns, keys, expressions. */
  check(config: C, input: Stream, context: NodeContext): Promise<void>
  /**
   * The same, of what only a server can tell (a table, column, grant or topic that is missing), and changes nothing
   * there: with `check --connect`, and before a run. An AggregateError names several
   */
  connect?(config: C, input: Stream, context: NodeContext): Promise<void>
  open(config: C, input: Stream, context: NodeContext): Promise<Sink>
}

/**
 * An exactly_once sink keeps the last checkpoint that it published with the rows themselves, under the pipeline's and
 * the sink's name, with a fence that every `begin` raises.
 */
export interface Sink {
  /**
   * Raises the fence: whatever an earlier holder does from now on fails with `fenced`, and what it staged is gone.
   * Gives the last checkpoint that was published; undefined where there is none, or the sink keeps none.
   */
  begin(): Promise<Checkpoint | undefined>
  /**
   * Takes rows of the epoch that is under way. An exactly_once sink stages them, with bounded memory, where no reader
   * sees them.
   */
  write(batch: RecordBatch, epoch: number): Promise<void>
  /**
   * Publishes all rows written since the last commit together with `checkpoint`, in one atomic step that is
   * conditional on the fence; resolves once it is durable. Called for every epoch, also without rows. After a
   * rejection or an unknown end the runtime opens a new sink and calls `begin`, which tells what became of it.
   */
  commit(checkpoint: Checkpoint): Promise<void>
  /**
   * A commit is wanted even where no row has come: something is old enough to be published. Asked every
   * `checkpoint_interval_sec`
   */
  due?(): boolean
  /** The epoch is final in the state backend. May be skipped, repeated, or come beside other calls; never fails the pipeline. */
  finalized?(epoch: number): Promise<void>
  /** `--reset`: forgets the checkpoint, and leaves the rows. Called before `begin`. */
  reset(): Promise<void>
  close(): Promise<void>
}

// Dynamic tables and plugins -----------------------------------------------------------------------------------------

/** The node type `dynamic_table`: stands among the transforms, and hands on no rows. */
export interface TableDefinition<C = unknown> {
  type: string
  config: z.ZodType<C>
  inputs(config: C, nodes: readonly string[]): Promise<readonly string[]> | readonly string[]
  /** as of a source */
  remote?(config: C): boolean | Promise<boolean>
  /** `input` is undefined where nothing of the pipeline fills it. */
  open(config: C, input: TableInput | undefined, context: NodeContext): Promise<OpenTable>
}

/** What fills a table, and the name of the node. */
export interface TableInput extends Stream {
  name: string
}

export interface OpenTable {
  table: DynamicTable
  /** fills the table from the batches of its input */
  fill?: SideOutput
}

/** What a package or file exports: `export default definePlugin({ … })`. The key is the `type` in the pipeline. */
export interface Plugin {
  sources?: Readonly<Record<string, Omit<SourceDefinition, 'type'>>>
  transforms?: Readonly<Record<string, Omit<TransformDefinition, 'type' | 'inputs'>>>
  sinks?: Readonly<Record<string, Omit<SinkDefinition, 'type'>>>
  udfs?: readonly Udf[]
  /** turns the text of a pipeline file into another, before it is parsed */
  preprocessors?: Readonly<Record<string, (text: string, options: Readonly<Record<string, Json>>) => Promise<string>>>
  /** one for each source */
  sideOutputs?: Readonly<
    Record<
      string,
      (source: Stream, options: Readonly<Record<string, Json>>, context: NodeContext) => Promise<SideOutput>
    >
  >
}
