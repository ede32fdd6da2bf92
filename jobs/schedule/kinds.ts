import type { Log } from '../../core/telemetry/event.ts'
import type { CompactConfig } from './config.ts'
import type { Job } from './parse.ts'

/**
 * What a scheduled job does. Types only.
 *
 * Rules for implementers:
 * - `run` ends soon once `signal` aborts, by a rejection with any error, and leaves nothing that hinders the next run.
 * - It may be killed at any moment, and run again: what it did so far stays right.
 */
export interface Work {
  run(context: WorkContext): Promise<WorkResult>
}

export interface WorkContext {
  signal: AbortSignal
  log: Log
}

export interface WorkResult {
  /** rows, files, bytes: for history and metrics */
  figures: Readonly<Record<string, number>>
  /** for people; default: the figures */
  message?: string
}

/** Makes the work of a job; rejects with a PipelineError where the job cannot be done at all. */
export type Kind = (job: Job, deps: KindDeps) => Promise<Work>

/** What kinds stand on; the process that runs jobs wires it. */
export interface KindDeps {
  /** runs a pipeline file to its end, in job mode */
  runPipeline: RunPipeline
  compactFolder: CompactFolder
  /** store of the configuration: `sqlite:./millrace.db` */
  store: string
  /** of the configuration: where pipelines keep their positions */
  state: { application_id: string; positions: (namespace: string) => Promise<ReadonlyMap<string, unknown>> }
  jobs: readonly Job[]
}

/** `rows` of all sources; `dead_letters` that the pipeline has by then. Rejects where it was cut off by the signal. */
export type RunPipeline = (file: string, signal: AbortSignal) => Promise<{ rows: number; dead_letters: number }>

/** Joins the small files of a folder that the parquet sink writes; readers always see each row once. */
export type CompactFolder = (
  options: CompactConfig & { signal: AbortSignal; log: Log },
) => Promise<{ files_before: number; files_after: number; rows: number; bytes: number }>
