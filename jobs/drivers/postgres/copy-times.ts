import type { TextBytes } from './text-bytes.ts'

/** Dates and times as text: `2026-07-29`, `12:00:00.000001`, both; years before 1 end in ` BC`. All in UTC. */

export function writeDate(out: TextBytes, days: number): void {
  const isBefore = writeDay(out, days)
  if (isBefore) out.ascii(' BC')
}

/** `perSecond`: of the unit. Nanoseconds are cut to the microseconds that Postgres has. */
export function writeTime(out: TextBytes, value: number, perSecond: number): void {
  out.reserve(15)
  const seconds = Math.floor(value / perSecond)
  writeClock(out, seconds, micros(value - seconds * perSecond, perSecond))
}

export function writeTimestamp(out: TextBytes, value: bigint, perSecond: number): void {
  // a BigInt only where a double would not hold the value
  const isNear = value > -most && value < most
  let seconds = isNear ? Math.floor(Number(value) / perSecond) : Number(value / BigInt(perSecond))
  let rest = isNear ? Number(value) - seconds * perSecond : Number(value - BigInt(seconds) * BigInt(perSecond))
  if (rest < 0) {
    seconds -= 1
    rest += perSecond
  }
  const days = Math.floor(seconds / 86_400)
  const isBefore = writeDay(out, days)
  out.reserve(20)
  out.byte(32)
  writeClock(out, seconds - days * 86_400, micros(rest, perSecond))
  if (isBefore) out.ascii(' BC')
}

const most = 1n << 53n

const micros = (rest: number, perSecond: number): number =>
  perSecond > 1_000_000 ? Math.floor(rest / 1000) : rest * (1_000_000 / perSecond)

/** there is room */
function writeClock(out: TextBytes, seconds: number, fraction: number): void {
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor(seconds / 60) - hours * 60
  out.digits(hours, 2)
  out.byte(58)
  out.digits(minutes, 2)
  out.byte(58)
  out.digits(seconds - hours * 3600 - minutes * 60, 2)
  if (fraction === 0) return
  out.byte(46)
  out.digits(fraction, 6)
}

/**
 * The day of the proleptic Gregorian calendar, by the days since 1 March of year 0
 * (https://howardhinnant.github.io/date_algorithms.html, civil_from_days). True: the year is before 1.
 */
function writeDay(out: TextBytes, days: number): boolean {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const inEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (inEra - Math.floor(inEra / 1460) + Math.floor(inEra / 36_524) - Math.floor(inEra / 146_096)) / 365,
  )
  const inYear = inEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shiftedMonth = Math.floor((5 * inYear + 2) / 153)
  const day = inYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  const shown = year > 0 ? year : 1 - year
  out.reserve(24)
  if (shown < 10_000) out.digits(shown, 4)
  else out.integer(shown)
  out.byte(45)
  out.digits(month, 2)
  out.byte(45)
  out.digits(day, 2)
  return year <= 0
}
