/**
 * Scheduled jobs: what routes see of them, and where their runs are kept. Types only; all times are microseconds UTC.
 *
 * Rules for implementers of JobRuns:
 * - A job has at most one run that is `running`, whatever number of processes asks: `claim` and `skip` decide it in the
 *   transaction that stores the run.
 * - A run whose lease has passed is `abandoned` from then on, for everybody, and can no longer be finished.
 */
export type JobKind = 'pipeline' | 'compact' | 'retention' | 'vacuum'

/** `skipped`: the time passed while nobody ran the job; `abandoned`: its process ended, or was told to, before it did */
export type RunOutcome = 'ok' | 'failed' | 'timeout' | 'skipped' | 'abandoned'

export interface KnownJob {
  job: string
  kind: JobKind
  /** as written: `5 * * * *` */
  schedule: string
  time_zone: string
  enabled: boolean
  /** null: never again, or not enabled */
  next_at: number | null
}

export interface JobRun {
  run_id: number
  job: string
  /** the time of the schedule; null: asked for by hand */
  due_at: number | null
  started_at: number
  finished_at: number | null
  outcome: RunOutcome | 'running'
  attempts: number
  /** what came of it, for people */
  message: string
  /** rows, bytes, files */
  figures: Readonly<Record<string, number>>
  /** `pid 123 on host` */
  holder: string
  lease_until: number
}

/** What the next step of a job depends on. */
export interface JobHistory {
  /** times before this are not missed: the job became known, was enabled, or got another schedule */
  since: number
  /** the scheduled run with the latest time, and how often in a row it was abandoned */
  last: { due_at: number; outcome: JobRun['outcome']; abandoned: number } | undefined
  running: JobRun | undefined
}

export interface JobRuns {
  /** Makes jobs known, or changes what is known of them. */
  announce(jobs: readonly KnownJob[], at: number): Promise<void>
  history(job: string, at: number): Promise<JobHistory>
  /** Begins a run; undefined where one is running, or one of this time or a later one was there. */
  claim(claim: { job: string; due_at: number | null; at: number; lease_until: number }): Promise<number | undefined>
  /** Records that a time passed without a run; false as for `claim`. */
  skip(skipped: { job: string; due_at: number; at: number; message: string }): Promise<boolean>
  /** Extends the lease; false where the run is no longer this one's: its work is to end. */
  heartbeat(runId: number, at: number, leaseUntil: number): Promise<boolean>
  /** False where the run was abandoned before. */
  finish(runId: number, end: RunEnd): Promise<boolean>
  /** the newest first, default 100 of all jobs */
  list(query?: { job?: string; limit?: number }): Promise<JobRun[]>
  /** undefined where there is none, or history has gone beyond it */
  get(runId: number): Promise<JobRun | undefined>
  close(): Promise<void>
}

export interface RunEnd {
  at: number
  outcome: RunOutcome
  attempts: number
  message: string
  figures: Readonly<Record<string, number>>
}

/** A job as `GET /v1/jobs` shows it. */
export interface JobStatus extends KnownJob {
  running: JobRun | null
  /** the newest that has ended, runs by hand too */
  last: JobRun | null
}

/** What the routes of the gateway see. */
export interface Jobs {
  list(): Promise<JobStatus[]>
  /** the newest first; undefined: there is no such job */
  runs(job: string, limit: number): Promise<JobRun[] | undefined>
  /** Begins a run now; where one is running already it is that one. Undefined: there is no such job. */
  run(job: string): Promise<{ run_id: number; started: boolean } | undefined>
}
