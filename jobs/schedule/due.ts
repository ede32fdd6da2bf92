import type { RunOutcome } from '../../core/jobs.ts'
import type { Schedule } from './cron.ts'

/** What is known of a job's past; times are milliseconds. */
export interface Past {
  /** times before this are not missed */
  since: number
  /** the scheduled run with the latest time */
  last: { due: number; outcome: RunOutcome | 'running'; abandoned: number } | undefined
}

export type Decision =
  /** nothing is due until then; undefined: never again */
  | { kind: 'wait'; until: number | undefined }
  /** `missed`: times before it that passed without a run */
  | { kind: 'run'; due: number; missed: number }
  /** `due` and `missed` times before it passed, and are not caught up */
  | { kind: 'skip'; due: number; missed: number }

/** Later than this is missed, ms. */
export const lateMs = 60_000
/** A run that its process did not survive is tried so often; then it may be what ends the process. */
export const abandonedMost = 3
/** Missed times are counted up to here. */
export const missedMost = 1000

/** Whether a job is to run now. After downtime it runs once (`catchUp`), or says what it left out. */
export function decide(schedule: Schedule, { since, last }: Past, now: number, catchUp: boolean): Decision {
  // a clock that was put back must not make the past due again
  const base = Math.max(since, last?.due ?? since)
  const first = schedule.next(base)
  if (first === undefined || first > now) {
    const again = catchUp && last?.outcome === 'abandoned' && last.abandoned < abandonedMost && last.due >= since
    return again ? { kind: 'run', due: last.due, missed: 0 } : { kind: 'wait', until: first }
  }
  const due = Math.max(first, schedule.lastUpTo(now) ?? first)
  const missed = countBetween(schedule, first, due)
  return { kind: catchUp || now - due < lateMs ? 'run' : 'skip', due, missed }
}

/** The times from `first` on that lie before `end`. */
function countBetween(schedule: Schedule, first: number, end: number): number {
  let count = 0
  for (let time: number | undefined = first; time !== undefined && time < end && count < missedMost; count++)
    time = schedule.next(time)
  return count
}
