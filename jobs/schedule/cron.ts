import { Cron } from 'croner'

/** When a job is due. Times are milliseconds since 1970 UTC. */
export interface Schedule {
  /** the first time after `time`; undefined: never again */
  next(time: number): number | undefined
  /** the last time up to and with `time`; undefined: there is none before */
  lastUpTo(time: number): number | undefined
}

/**
 * Five fields (minute, hour, day of month, month, day of week), six (second first), or a name such as `@daily`.
 *
 * Where clocks are put forward, a time of day that is skipped comes once, at the jump; where they are put back, one that
 * is there twice comes once. Schedules with a `*` or a step in minute or hour go by real time all through.
 *
 * Throws an Error with what is wrong with `text`, for people.
 */
export function parseSchedule(text: string, timeZone: string): Schedule {
  const fields = text.trim().split(/\s+/).length
  if (!text.trim().startsWith('@') && fields !== 5 && fields !== 6)
    throw new Error(
      `expected five fields (minute hour day month weekday), six with seconds, or @daily, got ${JSON.stringify(text)}`,
    )
  const cron = parse(text, timeZone)
  if (cron.nextRun(new Date()) === null) throw new Error(`the time ${JSON.stringify(text)} never comes`)
  return {
    next: time => cron.nextRun(new Date(time))?.getTime(),
    lastUpTo: time => cron.previousRuns(1, new Date(time + 1))[0]?.getTime(),
  }
}

function parse(text: string, timezone: string): Cron {
  try {
    return new Cron(text, { timezone, paused: true, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard' })
  } catch (error) {
    const why = (error as Error).message.replace(/^Cron\w+: /, '')
    throw new Error(`${JSON.stringify(text)}: ${why.charAt(0).toLowerCase()}${why.slice(1)}`, { cause: error })
  }
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
