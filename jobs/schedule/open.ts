import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Log } from '../../core/telemetry/event.ts'
import { PipelineError } from '../runtime/errors.ts'
import type { Settings } from '../settings.ts'
import { openState } from '../state/index.ts'
import { PipelineProblems } from '../topology/problem.ts'
import { kinds } from './index.ts'
import type { CompactFolder, KindDeps, RunPipeline } from './kinds.ts'
import { type Job, parseJobs } from './parse.ts'
import { openRuns, type RunsPlace } from './runs/open.ts'
import { createScheduler, type Scheduler } from './scheduler.ts'

export interface OpenOptions {
  jobs: readonly Job[]
  settings: Settings
  /** of retention and vacuum, where the job names none */
  store: string
  /** where the history is kept; default: with the state of the pipelines */
  place?: RunsPlace | undefined
  log: Log
  /** default: in this process */
  runPipeline?: RunPipeline
  compactFolder?: CompactFolder
}

/** Reads a jobs file. Throws `PipelineProblems` with all that is wrong with it, or a PipelineError. */
export async function readJobs(file: string): Promise<Job[]> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be read'
    throw new PipelineError('bad_pipeline', `jobs file ${file} ${reason}`, { cause: error })
  }
  const { jobs, problems } = parseJobs(text, file)
  if (problems.length > 0) throw new PipelineProblems(problems)
  return jobs
}

/** A scheduler over the history of its place; it begins nothing before `start`. */
export async function openScheduler({ jobs, settings, store, place, log, ...given }: OpenOptions): Promise<Scheduler> {
  const deps: KindDeps = {
    runPipeline:
      given.runPipeline ??
      (async (file, signal) => (await import('./pipeline/run-file.ts')).fileRunner(settings, log)(file, signal)),
    compactFolder:
      given.compactFolder ??
      (async options => (await import('./compact/compact.ts')).compactFolder({ ...options, s3: settings.s3 })),
    store,
    state: { application_id: settings.application_id, positions: namespace => positionsOf(settings, namespace) },
    jobs,
  }
  const runs = await openRuns(place ?? placeOf(settings))
  return createScheduler({ jobs, runs, workOf: job => kinds[job.kind](job, deps), log })
}

/** Beside a state in Postgres the history is in the file that it would have otherwise: one per machine. */
const placeOf = ({ state_backend: { backend_type, sqlite } }: Settings): RunsPlace =>
  backend_type === 'memory' ? 'memory' : { state: sqlite.database_path }

async function positionsOf(settings: Settings, namespace: string): Promise<ReadonlyMap<string, unknown>> {
  const { backend_type, sqlite } = settings.state_backend
  if (backend_type === 'memory')
    throw new PipelineError(
      'bad_pipeline',
      'exported_by needs a state that outlives the pipeline: set state_backend.backend_type to Sqlite or Postgres',
    )
  if (backend_type === 'sqlite' && !existsSync(sqlite.database_path)) return new Map()
  const state = await openState(settings)
  try {
    return await state.read(namespace)
  } finally {
    await state.close()
  }
}
