import { hostname } from 'node:os'
import type { JobHistory, JobRun, JobRuns, KnownJob, RunEnd } from '../../../core/jobs.ts'
import type { Connection, Db } from '../../drivers/sqlite/connection.ts'

/** Runs of one job that are kept. */
const kept = 1000

/** The history of jobs in the tables `jobs` and `job_runs` of a database that is open. */
export function createRuns(connection: Connection): JobRuns {
  const holder = `pid ${process.pid} on ${hostname()}`
  const { run, change } = connection

  /** The one that holds the job; a run whose process gives no sign of life is abandoned first. */
  function runningOf(db: Db, job: string, at: number): JobRun | undefined {
    db.prepare(
      `update job_runs set outcome = 'abandoned', finished_at = lease_until,
         message = 'its process (' || holder || ') gave no sign of life any more'
       where job = ? and outcome = 'running' and lease_until < ?`,
    ).run(job, at)
    const row = db.prepare<[string], Row>(`select * from job_runs where job = ? and outcome = 'running'`).get(job)
    return row && jobRun(row)
  }

  function isTaken(db: Db, job: string, due: number): boolean {
    const later = `select 1 from job_runs where job = ? and due_at >= ? and (outcome <> 'abandoned' or due_at > ?)`
    return db.prepare(later).get(job, due, due) !== undefined
  }

  function insert(
    db: Db,
    row: Pick<Row, 'job' | 'due_at' | 'outcome' | 'message' | 'lease_until'>,
    at: number,
  ): number {
    const finished = row.outcome === 'running' ? null : at
    const sql = `insert into job_runs (job, due_at, started_at, finished_at, outcome, message, holder, lease_until)
      values (@job, @due_at, @at, @finished, @outcome, @message, @holder, @lease_until)`
    const runId = Number(db.prepare(sql).run({ ...row, at, finished, holder }).lastInsertRowid)
    db.prepare(
      `delete from job_runs where job = @job and outcome <> 'running' and run_id <=
         (select run_id from job_runs where job = @job order by run_id desc limit 1 offset ${kept})`,
    ).run({ job: row.job })
    return runId
  }

  function announce(db: Db, jobs: readonly KnownJob[], at: number): void {
    const put = db.prepare(
      `insert into jobs (job, kind, schedule, time_zone, enabled, since, next_at)
       values (@job, @kind, @schedule, @time_zone, @enabled, @at, @next_at)
       on conflict do update set kind = excluded.kind, schedule = excluded.schedule, time_zone = excluded.time_zone,
         enabled = excluded.enabled, next_at = excluded.next_at,
         since = case when schedule = excluded.schedule and time_zone = excluded.time_zone and enabled = excluded.enabled
           then since else excluded.since end`,
    )
    for (const job of jobs) put.run({ ...job, enabled: job.enabled ? 1 : 0, at })
  }

  function history(db: Db, job: string, at: number): JobHistory {
    const running = runningOf(db, job, at)
    const since = db.prepare<[string], number>('select since from jobs where job = ?').pluck().get(job)
    const last = db
      .prepare<[string], Pick<JobRun, 'outcome'> & { due_at: number }>(
        'select due_at, outcome from job_runs where job = ? and due_at is not null order by due_at desc, run_id desc limit 1',
      )
      .get(job)
    const abandoned = db.prepare(`select count(*) from job_runs where job = ? and due_at = ? and outcome = 'abandoned'`)
    return {
      since: since ?? at,
      last: last && { ...last, abandoned: abandoned.pluck().get(job, last.due_at) as number },
      running,
    }
  }

  function finish(db: Db, runId: number, { figures, ...end }: RunEnd): boolean {
    const sql = `update job_runs set finished_at = @at, outcome = @outcome, attempts = @attempts, message = @message, figures = @figures
      where run_id = @runId and outcome = 'running'`
    return db.prepare(sql).run({ ...end, figures: JSON.stringify(figures), runId }).changes === 1
  }

  return {
    announce: (jobs, at) => change(db => announce(db, jobs, at)),
    history: (job, at) => change(db => history(db, job, at)),
    claim: ({ job, due_at, at, lease_until }) =>
      change(db => {
        if (runningOf(db, job, at) !== undefined || (due_at !== null && isTaken(db, job, due_at))) return undefined
        return insert(db, { job, due_at, outcome: 'running', message: '', lease_until }, at)
      }),
    skip: ({ job, due_at, at, message }) =>
      change(db => {
        if (runningOf(db, job, at) !== undefined || isTaken(db, job, due_at)) return false
        insert(db, { job, due_at, outcome: 'skipped', message, lease_until: at }, at)
        return true
      }),
    heartbeat: (runId, at, leaseUntil) =>
      change(db => {
        const sql = `update job_runs set lease_until = ? where run_id = ? and outcome = 'running' and lease_until >= ?`
        return db.prepare(sql).run(leaseUntil, runId, at).changes === 1
      }),
    finish: (runId, end) => change(db => finish(db, runId, end)),
    list: ({ job, limit = 100 } = {}) =>
      run(db => {
        const sql = 'select * from job_runs where @job is null or job = @job order by run_id desc limit @limit'
        return db
          .prepare<unknown[], Row>(sql)
          .all({ job: job ?? null, limit })
          .map(jobRun)
      }),
    get: runId =>
      run(db => {
        const row = db.prepare<[number], Row>('select * from job_runs where run_id = ?').get(runId)
        return row && jobRun(row)
      }),
    close: () => connection.close(),
  }
}

type Row = Omit<JobRun, 'figures'> & { figures: string }

const jobRun = (row: Row): JobRun => ({ ...row, figures: JSON.parse(row.figures) as JobRun['figures'] })
