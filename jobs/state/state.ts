import type { Json } from '../runtime/contract.ts'
import type { PipelineError } from '../runtime/errors.ts'

/**
 * Where pipelines keep what must outlive them: positions, epochs, dead letters, state of nodes. Types only.
 *
 * Rules for implementers:
 * - Keys and values live in a namespace, one per pipeline: `APPLICATION_ID/PIPELINE`. The table is the model's:
 *   `state(namespace, key, data, created_at, primary key (namespace, key))`, `data` JSON text; `created_at` is kept
 *   when a key is written again.
 * - `write` is one transaction, synced before it resolves. After a rejection nothing of it is there, or all of it.
 * - A backend recovers by itself once the cause of a failure is gone; failures are PipelineErrors `unavailable`
 *   (locked, disk full) or `state` (damaged, of a newer version), and name the file or server.
 */
export interface StateBackend {
  /** all keys of the namespace that begin with `prefix`, default all, in order */
  read(namespace: string, prefix?: string): Promise<ReadonlyMap<string, Json>>
  write(namespace: string, change: StateChange): Promise<void>
  /** Forgets keys and dead letters of the namespace. */
  reset(namespace: string): Promise<void>
  /**
   * Makes this process the only one that runs the pipeline. Throws `busy` with the pid and host of the other. Freed by
   * the system when the process ends in whatever way.
   */
  lock(namespace: string): Promise<StateLock>

  /** dead letters of the namespace, by id */
  deadLetters(namespace: string, query?: LetterQuery): Promise<DeadLetterPage>
  /** Marks letters (all of the namespace by default) for another try by the running, or the next, pipeline; says how many. */
  retryDeadLetters(namespace: string, ids?: readonly number[]): Promise<number>
  /** Deletes them; says how many. */
  purgeDeadLetters(namespace: string, ids?: readonly number[]): Promise<number>
  countDeadLetters(namespace: string): Promise<number>

  /** calls wait for a server that went away, and go on once it is back; see `StateOptions`. Default: false */
  readonly isAway?: boolean
  close(): Promise<void>
}

export interface StateOptions {
  /**
   * Calls wait for a server that goes away as long as it takes. `onAway` is told when they begin to, `onBack` when they
   * go on. Default: they fail after 5 s.
   */
  waiting?: { onAway(error: PipelineError): void; onBack(): void }
}

export interface StateChange {
  /** undefined deletes the key */
  set?: ReadonlyMap<string, Json | undefined>
  /** letters to add */
  dead?: readonly NewDeadLetter[]
  /** letters that were tried again: removed */
  settled?: readonly number[]
}

export interface StateLock {
  release(): Promise<void>
}

export interface NewDeadLetter {
  /** node that could not take the row */
  node: string
  epoch: number
  code: string
  message: string
  /** JSON of the row as it came into the node, or text that is no row (`retryable` is false) */
  row: string
  /** false: no row, or cut at `dead_letters.max_row_size` */
  retryable: boolean
  /** bytes of the whole row */
  size: number
  /** microseconds UTC */
  at: number
}

export interface PipelineDeadLetter extends NewDeadLetter {
  id: number
  /** when another try was asked for; null: not */
  retry_at: number | null
}

export interface LetterQuery {
  /** ids above this */
  after?: number
  /** default 1000 */
  limit?: number
  node?: string
  /** only those that were marked by retryDeadLetters */
  marked?: boolean
}

export interface DeadLetterPage {
  letters: PipelineDeadLetter[]
  /** `after` of the next page; null at the end */
  next: number | null
}
