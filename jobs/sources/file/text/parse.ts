/**
 * Values in the form that programs write them, read from bytes without making a string. Whatever is out of the
 * ordinary gives `none`, and is read the slow way.
 */

/** no value; a number that none of the readers can give */
export const none = Number.NEGATIVE_INFINITY

const ZERO = 0x30
const MINUS = 0x2d
const POINT = 0x2e

/** A whole number of up to 15 digits. */
export function wholeOf(bytes: Uint8Array, from: number, to: number): number {
  const negative = bytes[from] === MINUS
  let at = negative ? from + 1 : from
  if (at >= to || to - at > 15) return none
  let value = 0
  for (; at < to; at++) {
    const digit = bytes[at]! - ZERO
    if (digit < 0 || digit > 9) return none
    value = value * 10 + digit
  }
  return negative ? -value : value
}

export function naturalOf(bytes: Uint8Array, from: number, to: number): number {
  return bytes[from] === MINUS ? none : wholeOf(bytes, from, to)
}

/** 10^0 to 10^22 are exact doubles, so that one division rounds once, as a parser of numbers does. */
const powers = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))

/** Up to 15 digits, perhaps with a point between them. */
export function floatOf(bytes: Uint8Array, from: number, to: number): number {
  const negative = bytes[from] === MINUS
  let digits = 0
  let point = -1
  let value = 0
  for (let at = negative ? from + 1 : from; at < to; at++) {
    const digit = bytes[at]! - ZERO
    if (digit >= 0 && digit <= 9) {
      if (++digits > 15) return none
      value = value * 10 + digit
    } else if (bytes[at] === POINT && point === -1) point = at
    else return none
  }
  if (digits === 0) return none
  if (point !== -1) value /= powers[to - point - 1]!
  return negative ? -value : value
}

function digitsAt(bytes: Uint8Array, at: number, count: number): number {
  let value = 0
  for (const end = at + count; at < end; at++) {
    const digit = bytes[at]! - ZERO
    if (digit < 0 || digit > 9) return none
    value = value * 10 + digit
  }
  return value
}

const daysOfMonth = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** The ten bytes `YYYY-MM-DD` as days since 1970. */
export function dateOf(bytes: Uint8Array, at: number): number {
  if (bytes[at + 4] !== MINUS || bytes[at + 7] !== MINUS) return none
  const year = digitsAt(bytes, at, 4)
  const month = digitsAt(bytes, at + 5, 2)
  const day = digitsAt(bytes, at + 8, 2)
  if (!(year >= 0 && month >= 1 && month <= 12 && day >= 1)) return none
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  if (day > daysOfMonth[month]! + (leap && month === 2 ? 1 : 0)) return none
  // days from civil: years begin in March, so that the leap day is the last of its year
  const y = month > 2 ? year : year - 1
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

const COLON = 0x3a

/** `YYYY-MM-DDTHH:MM:SS`, up to six digits of a fraction, perhaps `Z`, as microseconds since 1970. */
export function microsOf(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from
  if (length < 19 || length > 27) return none
  const separator = bytes[from + 10]
  if (separator !== 0x54 && separator !== 0x20) return none
  if (bytes[from + 13] !== COLON || bytes[from + 16] !== COLON) return none
  const days = dateOf(bytes, from)
  const hour = digitsAt(bytes, from + 11, 2)
  const minute = digitsAt(bytes, from + 14, 2)
  const second = digitsAt(bytes, from + 17, 2)
  if (days === none || !(hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60))
    return none
  const end = bytes[to - 1] === 0x5a ? to - 1 : to
  let fraction = 0
  if (end > from + 19) {
    const digits = end - from - 20
    if (bytes[from + 19] !== POINT || digits < 1 || digits > 6) return none
    fraction = digitsAt(bytes, from + 20, digits) * powers[6 - digits]!
    if (fraction === none) return none
  }
  const micros = (days * 86_400 + hour * 3600 + minute * 60 + second) * 1e6 + fraction
  // a double is exact up to the year 2255
  return Number.isSafeInteger(micros) ? micros : none
}
