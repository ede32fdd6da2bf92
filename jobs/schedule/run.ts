import { setTimeout as delay } from 'node:timers/promises'
import type { JobRuns, RunEnd } from '../../core/jobs.ts'
import type { Log } from '../../core/telemetry/event.ts'
import { formatDuration } from '../../core/units.ts'
import type { Work, WorkResult } from './kinds.ts'
import type { Job } from './parse.ts'

/** Times of a run, ms. */
export interface RunTimes {
  /** a run whose process says nothing for so long counts as abandoned. Default 30,000 */
  lease: number
  /** Default 10,000 */
  beat: number
  /** work that does not end so soon after its signal is left alone. Default 10,000 */
  grace: number
}

export const usualTimes: RunTimes = { lease: 30_000, beat: 10_000, grace: 10_000 }

/** Why a run ends before its work does. `lost`: the lease passed, and another process may run the job by now. */
type Cut = 'timeout' | 'stop' | 'lost'

export interface RunOptions {
  job: Job
  runId: number
  work: Work
  runs: JobRuns
  log: Log
  times: RunTimes
  /** the process ends */
  stop: AbortSignal
}

export interface Ran {
  /** undefined: the run was another's by then, or could not be recorded */
  end: RunEnd | undefined
  /** resolves once the work has really ended, which may be later */
  gone: Promise<void>
}

/** Does the work of a claimed run, keeps its lease, and records what came of it. Never rejects. */
export async function runJob({ job, runId, work, runs, log, times, stop }: RunOptions): Promise<Ran> {
  const abort = new AbortController()
  let cut: Cut | undefined
  const cutBy = (why: Cut) => {
    cut ??= why
    abort.abort(new Error(`the run was ended: ${why}`))
  }
  const onStop = () => cutBy('stop')
  stop.addEventListener('abort', onStop)
  if (stop.aborted) onStop()
  const timer =
    job.timeout === undefined ? undefined : setTimeout(() => cutBy('timeout'), Math.min(job.timeout, 2 ** 31 - 1))
  const beats = keepLease(runId, runs, times, log, () => cutBy('lost'))

  const begun = performance.now()
  const attempts = tryWork(job, work, log, abort.signal)
  const aborted = new Promise<'late'>(resolve =>
    abort.signal.addEventListener('abort', () => setTimeout(resolve, times.grace, 'late').unref()),
  )
  const result = await Promise.race([attempts, aborted])
  clearTimeout(timer)
  stop.removeEventListener('abort', onStop)
  clearInterval(beats)

  const end = endOf(job, cut, result, times.grace)
  const recorded = cut !== 'lost' && (await record(runs, runId, end, log))
  const fields = {
    job: job.name,
    run: runId,
    outcome: end.outcome,
    attempts: end.attempts,
    ms: Math.round(performance.now() - begun),
  }
  if (!recorded) log.error('job.abort', fields, `job '${job.name}': its run is no longer this process's`)
  else if (end.outcome === 'ok') log.info('job.complete', { ...fields, ...end.figures }, end.message)
  else if (end.outcome === 'timeout') log.error('job.timeout', fields, end.message)
  else if (end.outcome === 'abandoned') log.warn('job.abort', fields, end.message)
  else log.error('job.fail', fields, end.message)
  return { end: recorded ? end : undefined, gone: attempts.then(() => {}) }
}

interface Tried {
  attempts: number
  result?: WorkResult
  error?: unknown
}

/** Never rejects. */
async function tryWork(job: Job, work: Work, log: Log, signal: AbortSignal): Promise<Tried> {
  for (let attempts = 1; ; attempts++) {
    try {
      signal.throwIfAborted()
      return { attempts, result: await work.run({ signal, log }) }
    } catch (error) {
      if (signal.aborted || attempts > job.retries) return { attempts, error }
      const wait = formatDuration(job.retry_wait)
      log.warn('job.retry', { job: job.name, attempts, error }, `job '${job.name}' failed: again in ${wait}`)
    }
    await delay(job.retry_wait, undefined, { signal }).catch(() => {})
  }
}

function keepLease(runId: number, runs: JobRuns, { lease, beat }: RunTimes, log: Log, lost: () => void) {
  let until = Date.now() + lease
  return setInterval(async () => {
    const now = Date.now()
    try {
      if (!(await runs.heartbeat(runId, now * 1000, (now + lease) * 1000))) return lost()
      until = now + lease
    } catch (error) {
      log.warn('job.lease.retry', { run: runId, error }, 'the lease of a run could not be extended')
      // from then on others may take the job
      if (Date.now() > until) lost()
    }
  }, beat)
}

function endOf(job: Job, cut: Cut | undefined, tried: Tried | 'late', graceMs: number): RunEnd {
  const { attempts, result, error } = tried === 'late' ? { attempts: 1 } : tried
  const late = tried === 'late' ? `; its work did not end within ${formatDuration(graceMs)}` : ''
  const base = { at: Date.now() * 1000, attempts, figures: result?.figures ?? {} }
  if (cut === 'timeout')
    return { ...base, outcome: 'timeout', message: `it was ended after ${formatDuration(job.timeout ?? 0)}${late}` }
  if (cut !== undefined) {
    const then = job.catch_up ? 'it is done again at the next start' : 'its next time comes by the schedule'
    return { ...base, outcome: 'abandoned', message: `its process was stopped: ${then}${late}` }
  }
  if (result === undefined) return { ...base, outcome: 'failed', message: chain(error) }
  const figures = Object.entries(result.figures).map(([name, value]) => `${value} ${name}`)
  return { ...base, outcome: 'ok', message: result.message ?? figures.join(', ') }
}

async function record(runs: JobRuns, runId: number, end: RunEnd, log: Log): Promise<boolean> {
  try {
    return await runs.finish(runId, end)
  } catch (error) {
    log.error(
      'job.finish.fail',
      { run: runId, error },
      'the end of a run could not be recorded: it will count as abandoned',
    )
    return false
  }
}

/** What was being tried, down to the first cause. */
function chain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause === undefined) return error.message
  const cause = chain(error.cause)
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`
}
