import { setTimeout as delay } from 'node:timers/promises'
import type { JobHistory, JobRun, JobRuns, JobStatus, Jobs, KnownJob } from '../../core/jobs.ts'
import type { Log } from '../../core/telemetry/event.ts'
import { decide, missedMost, type Past } from './due.ts'
import type { Work } from './kinds.ts'
import type { Job } from './parse.ts'
import { type RunTimes, runJob, usualTimes } from './run.ts'

/** A job looks at its history at least so often: another process may have died, or the clock been set. */
const lookMs = 30_000
/** After a failure of the history itself. */
const failedMs = 5000
/** How long a run by hand waits between two tries to get its turn. */
const turnMs = 500
const turnTries = 20

export interface SchedulerOptions {
  jobs: readonly Job[]
  runs: JobRuns
  /** of a job, when it runs */
  workOf: (job: Job) => Promise<Work>
  log: Log
  times?: Partial<RunTimes>
}

/** Runs jobs at their times, each in at most one process at once. */
export interface Scheduler extends Jobs {
  /** Follows the schedules until `stop`. */
  start(): Promise<void>
  /** Runs one job now, once nobody else does; undefined: there is no such job. */
  once(job: string, signal: AbortSignal): Promise<JobRun | undefined>
  /** Ends what runs, and records it. */
  stop(): Promise<void>
}

export function createScheduler({ jobs, runs, workOf, log, times: some }: SchedulerOptions): Scheduler {
  const times = { ...usualTimes, ...some }
  const stopping = new AbortController()
  /** what this process runs, or leaves behind */
  const busy = new Map<string, Promise<void>>()
  const loops: Promise<void>[] = []
  const stopped = new Promise<void>(resolve => stopping.signal.addEventListener('abort', () => resolve()))
  const find = (name: string) => jobs.find(job => job.name === name)

  const known = (job: Job, now = Date.now()): KnownJob => ({
    job: job.name,
    kind: job.kind,
    schedule: job.schedule,
    time_zone: job.time_zone,
    enabled: job.enabled,
    next_at: job.enabled ? micros(job.times.next(now)) : null,
  })

  /** Resolves when the run has ended; undefined where the job is taken. */
  async function begin(job: Job, due: number | null): Promise<{ runId: number; done: Promise<void> } | undefined> {
    if (busy.has(job.name)) return undefined
    // at once, so that two callers do not both come this far
    let free = () => {}
    busy.set(job.name, new Promise(resolve => (free = resolve)))
    const release = () => {
      busy.delete(job.name)
      free()
    }
    try {
      const now = Date.now()
      const claim = {
        job: job.name,
        due_at: due === null ? null : due * 1000,
        at: now * 1000,
        lease_until: (now + times.lease) * 1000,
      }
      const runId = await runs.claim(claim)
      if (runId === undefined) {
        release()
        return undefined
      }
      log.info('job.start', { job: job.name, run: runId, due: due === null ? undefined : new Date(due).toISOString() })
      const lazy: Work = { run: async context => (await workOf(job)).run(context) }
      const ran = runJob({ job, runId, work: lazy, runs, log, times, stop: stopping.signal })
      void ran.then(({ gone }) => gone).then(release)
      return { runId, done: ran.then(() => {}) }
    } catch (error) {
      release()
      throw error
    }
  }

  /** Does what is due, and says how long nothing is, ms. */
  async function step(job: Job): Promise<number> {
    const held = busy.get(job.name)
    if (held !== undefined) {
      await Promise.race([held, stopped])
      return 0
    }
    const now = Date.now()
    const history = await runs.history(job.name, now * 1000)
    if (history.running !== undefined) return history.running.lease_until / 1000 - now + 1
    const decision = decide(job.times, pastOf(history), now, job.catch_up)
    if (decision.kind === 'wait') return decision.until === undefined ? lookMs : decision.until - now
    const { due, missed } = decision
    const since = new Date(due).toISOString()
    if (decision.kind === 'skip') {
      const message = `${countOf(missed + 1)} missed, the last at ${since}: catch_up is off`
      const skip = { job: job.name, due_at: due * 1000, at: now * 1000, message }
      if (await runs.skip(skip)) log.warn('job.drop', { job: job.name, due: since, missed: missed + 1 }, message)
      return 0
    }
    if (missed > 0)
      log.warn('job.resume', { job: job.name, due: since, missed }, `${countOf(missed)} missed: the job runs once`)
    await (await begin(job, due))?.done
    await runs.announce([known(job)], Date.now() * 1000)
    return 0
  }

  async function follow(job: Job): Promise<void> {
    while (!stopping.signal.aborted) {
      let wait = failedMs
      try {
        wait = await step(job)
      } catch (error) {
        log.error(
          'job.history.fail',
          { job: job.name, error },
          `the history of job '${job.name}' cannot be used just now`,
        )
      }
      if (wait > 0) await delay(Math.min(wait, lookMs), undefined, { signal: stopping.signal }).catch(() => {})
    }
  }

  async function statusOf(job: Job): Promise<JobStatus> {
    const { running = null } = await runs.history(job.name, Date.now() * 1000)
    const [last = null] = (await runs.list({ job: job.name, limit: 2 })).filter(run => run.outcome !== 'running')
    return { ...known(job), running, last }
  }

  let ended: Promise<void> | undefined
  async function end(): Promise<void> {
    stopping.abort()
    await Promise.all(loops)
    await Promise.race([Promise.all(busy.values()), delay(times.grace + 1000, undefined, { ref: false })])
    await runs.close()
  }

  return {
    async start() {
      await runs.announce(
        jobs.map(job => known(job)),
        Date.now() * 1000,
      )
      for (const job of jobs) if (job.enabled) loops.push(follow(job))
    },
    async once(name, signal) {
      const job = find(name)
      if (job === undefined) return undefined
      const end = () => stopping.abort()
      signal.addEventListener('abort', end)
      await runs.announce([known(job)], Date.now() * 1000)
      for (let told = false; ; told = true) {
        signal.throwIfAborted()
        const run = await begin(job, null)
        await run?.done
        if (run !== undefined) return runs.get(run.runId)
        if (!told) log.info('job.backpressure', { job: name }, `job '${name}' runs elsewhere: waiting for its end`)
        await delay(turnMs, undefined, { signal })
      }
    },
    async list() {
      return Promise.all(jobs.map(statusOf))
    },
    async runs(name, limit) {
      return find(name) && runs.list({ job: name, limit })
    },
    async run(name) {
      const job = find(name)
      if (job === undefined) return undefined
      for (let tries = 0; ; tries++) {
        const run = await begin(job, null)
        if (run !== undefined) return { run_id: run.runId, started: true }
        const { running } = await runs.history(name, Date.now() * 1000)
        const [newest] = await runs.list({ job: name, limit: 1 })
        // its end is recorded, but its work is still there
        const left = tries >= turnTries ? newest : undefined
        const found = running ?? left
        if (found !== undefined) return { run_id: found.run_id, started: false }
        // it ended at this moment, or is about to begin
        await delay(turnMs / turnTries)
      }
    },
    stop: () => (ended ??= end()),
  }
}

const micros = (ms: number | undefined): number | null => (ms === undefined ? null : ms * 1000)

const countOf = (times: number) =>
  `${times >= missedMost ? `${missedMost} or more times were` : times === 1 ? '1 time was' : `${times} times were`}`

const pastOf = ({ since, last }: JobHistory): Past => ({
  since: since / 1000,
  last: last && { due: last.due_at / 1000, outcome: last.outcome, abandoned: last.abandoned },
})
