import { type DataType, DataType as Is, TimeUnit } from 'apache-arrow'
import { digitsOf, parseExact } from './exact.ts'
import { nameOf } from './types.ts'

/**
 * JSON values as the values of an Arrow type: `"5"` is 5 where a number is wanted, ISO text is a time, an object is
 * JSON text where text is wanted. Numbers of `parseExact` have all their digits. What would lose something is refused.
 */

/** Why a value does not fit; the message names value and type. */
export class Misfit extends Error {}

/** What a cell holds between JSON and a column: per type number, bigint, boolean, string, bytes, or lists of them. */
export type Cell = null | number | bigint | boolean | string | Uint8Array | Cell[]

/** Turns a value into a cell of the type. Throws `Misfit`. */
export function coercer(type: DataType): (value: unknown) => Cell {
  const convert = of(type)
  const convertDigits = ofDigits(type, convert)
  return value => {
    if (value === null || value === undefined) return null
    const digits = typeof value === 'object' ? digitsOf(value) : undefined
    const cell = digits === undefined ? convert(value) : convertDigits(digits)
    if (cell !== undefined) return cell
    throw new Misfit(`${show(value)} is no ${nameOf(type)}`)
  }
}

/** For the digits of a number: as text, but where that could be something else than a number. */
function ofDigits(type: DataType, convert: (value: unknown) => Cell | undefined): (digits: string) => Cell | undefined {
  if (Is.isInt(type) || Is.isFloat(type) || Is.isDecimal(type) || Is.isUtf8(type) || Is.isLargeUtf8(type))
    return convert
  if (Is.isTimestamp(type) || Is.isTime(type)) return digits => convert(toWhole(digits))
  return () => undefined
}

function of(type: DataType): (value: unknown) => Cell | undefined {
  if (Is.isNull(type)) return () => undefined
  if (Is.isBool(type)) return toBoolean
  if (Is.isInt(type)) {
    const bits = BigInt(type.bitWidth)
    const [least, most] = type.isSigned ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n]
    const wide = type.bitWidth === 64
    return value => {
      if (!wide && Number.isInteger(value))
        return within(BigInt(value as number), least, most) ? (value as number) : undefined
      const whole = toWhole(value)
      if (whole === undefined || !within(whole, least, most)) return undefined
      return wide ? whole : Number(whole)
    }
  }
  if (Is.isFloat(type)) return toFloat
  if (Is.isUtf8(type) || Is.isLargeUtf8(type)) return toText
  if (Is.isBinary(type) || Is.isLargeBinary(type)) return toBytes
  if (Is.isFixedSizeBinary(type)) {
    return value => {
      const bytes = toBytes(value)
      return bytes?.length === type.byteWidth ? bytes : undefined
    }
  }
  if (Is.isDate(type)) return value => toDays(value)
  if (Is.isTimestamp(type)) return value => toInstant(value, type.unit)
  if (Is.isTime(type)) return value => toTime(value, type.unit)
  if (Is.isDecimal(type)) return value => toDecimal(value, type.precision, type.scale)
  return nested(type)
}

function nested(type: DataType): (value: unknown) => Cell | undefined {
  if (Is.isList(type) || Is.isFixedSizeList(type)) {
    const item = coercer(type.children[0]!.type)
    const size = Is.isFixedSizeList(type) ? type.listSize : undefined
    return value => {
      const list = typeof value === 'string' ? parsed(value) : value
      return Array.isArray(list) && (size === undefined || list.length === size) ? list.map(item) : undefined
    }
  }
  if (Is.isStruct(type)) {
    const fields = type.children.map(field => ({ name: field.name, convert: coercer(field.type) }))
    return value => {
      const from = typeof value === 'string' ? parsed(value) : value
      if (!isRecord(from)) return undefined
      return fields.map(({ name, convert }) => convert(Object.hasOwn(from, name) ? from[name] : null))
    }
  }
  if (Is.isMap(type)) {
    const [key, item] = type.children[0]!.type.children.map(field => coercer(field.type)) as [Coerce, Coerce]
    return value => {
      const from = typeof value === 'string' ? parsed(value) : value
      return isRecord(from) ? Object.entries(from).map(([name, inner]) => [key(name), item(inner)]) : undefined
    }
  }
  return () => undefined
}

type Coerce = (value: unknown) => Cell

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
const within = (value: bigint, least: bigint, most: bigint): boolean => value >= least && value <= most

function parsed(text: string): unknown {
  try {
    return parseExact(text, true)
  } catch {
    return undefined
  }
}

/** For messages: short, whatever it is. */
function show(value: unknown): string {
  const text = typeof value === 'bigint' ? String(value) : (JSON.stringify(value, withBigints) ?? String(value))
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}

const withBigints = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)

function toBoolean(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value
  if (value === 1 || value === 'true') return true
  return value === 0 || value === 'false' ? false : undefined
}

/** A whole number, also of text such as `12` or `1.0e3`. */
function toWhole(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : undefined
  if (typeof value !== 'string') return undefined
  const text = value.trim()
  if (/^[+-]?\d+$/.test(text)) return BigInt(text.replace(/^\+/, ''))
  return unscaled(text, 0)
}

/** The nearest one; infinity is none, unless it is called so. */
function toFloat(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return finite(Number(value))
  if (typeof value !== 'string') return undefined
  const text = value.trim()
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return finite(Number(text))
  const special = /^([+-]?)(nan|inf|infinity)$/i.exec(text)
  if (!special) return undefined
  if (special[2]!.toLowerCase() === 'nan') return Number.NaN
  return special[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}

const finite = (value: number): number | undefined => (Number.isFinite(value) ? value : undefined)

function toText(value: unknown): string | undefined {
  if (typeof value === 'string') return value.isWellFormed() ? value : undefined
  if (value instanceof Uint8Array) return undefined
  return typeof value === 'object' ? JSON.stringify(value, withBigints) : String(value)
}

function toBytes(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(value) || value.length % 4 === 1) return undefined
  return Buffer.from(value, 'base64')
}

function toDays(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? value : undefined
  if (typeof value !== 'string') return undefined
  const micros = isoMicros(value)
  if (micros === undefined) return undefined
  const days = Number(micros / 86_400_000_000n)
  return micros < 0n && micros % 86_400_000_000n !== 0n ? days - 1 : days
}

const nanosPer: Readonly<Record<number, bigint>> = {
  [TimeUnit.SECOND]: 1_000_000_000n,
  [TimeUnit.MILLISECOND]: 1_000_000n,
  [TimeUnit.MICROSECOND]: 1000n,
  [TimeUnit.NANOSECOND]: 1n,
}

const signed = (value: bigint | undefined, bits: number): bigint | undefined =>
  value !== undefined && BigInt.asIntN(bits, value) === value ? value : undefined

/** ISO 8601 text (without a zone: UTC), or a whole number in the unit of the column. */
function toInstant(value: unknown, unit: TimeUnit): bigint | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return signed(toWhole(value), 64)
  if (typeof value !== 'string') return undefined
  if (/^[+-]?\d{9,}$/.test(value)) return signed(toWhole(value), 64)
  const nanos = isoNanos(value)
  if (nanos === undefined) return undefined
  const scale = nanosPer[unit]!
  const scaled = nanos / scale
  if (scaled * scale !== nanos) return undefined
  return signed(scaled, 64)
}

const iso =
  /^([+-]\d{6}|\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?$/i

function isoNanos(text: string): bigint | undefined {
  const match = iso.exec(text.trim())
  if (!match) return undefined
  const [, year, month, day, hour = '00', minute = '00', second = '00', rest = '', zone = 'Z'] = match
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0')
  const offset = zone.toUpperCase() === 'Z' ? 'Z' : `${zone[0]}${digits.slice(0, 2)}:${digits.slice(2)}`
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${offset}`)
  if (Number.isNaN(ms) || new Date(`${year}-${month}-${day}T00:00:00Z`).getUTCDate() !== Number(day)) return undefined
  return BigInt(ms) * 1_000_000n + BigInt(rest.padEnd(9, '0'))
}

function isoMicros(text: string): bigint | undefined {
  const nanos = isoNanos(text)
  return nanos === undefined ? undefined : nanos / 1000n
}

function toTime(value: unknown, unit: TimeUnit): bigint | number | undefined {
  const wide = unit === TimeUnit.MICROSECOND || unit === TimeUnit.NANOSECOND
  const give = (whole: bigint) => (wide ? whole : Number(whole))
  if (typeof value === 'number' || typeof value === 'bigint') {
    const whole = signed(toWhole(value), wide ? 64 : 32)
    return whole === undefined ? undefined : give(whole)
  }
  const match = typeof value === 'string' ? /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?$/.exec(value.trim()) : null
  if (!match) return undefined
  const [hour, minute, second] = [match[1], match[2], match[3] ?? '0'].map(Number) as [number, number, number]
  if (hour > 24 || minute > 59 || second > 59) return undefined
  const nanos = BigInt(hour * 3600 + minute * 60 + second) * 1_000_000_000n + BigInt((match[4] ?? '').padEnd(9, '0'))
  return give(nanos / nanosPer[unit]!)
}

/** The unscaled integer of a decimal. Text must fit exactly; a number is rounded, since it is not exact by itself. */
function toDecimal(value: unknown, precision: number, scale: number): bigint | undefined {
  const text = typeof value === 'number' ? rounded(value, scale) : typeof value === 'bigint' ? String(value) : value
  if (typeof text !== 'string') return undefined
  const whole = unscaled(text.trim(), scale)
  return whole !== undefined && within(whole, -(10n ** BigInt(precision)) + 1n, 10n ** BigInt(precision) - 1n)
    ? whole
    : undefined
}

function rounded(value: number, scale: number): string | undefined {
  if (!Number.isFinite(value)) return undefined
  return Number.isInteger(value)
    ? String(BigInt(value))
    : Math.abs(value) < 1e21
      ? value.toFixed(Math.min(scale, 100))
      : undefined
}

/** `12.50` with scale 3 as 12500; undefined where digits would be lost, or it is no number. */
function unscaled(text: string, scale: number): bigint | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,4}))?$/i.exec(text)
  if (!match || (match[2] === '' && (match[3] ?? '') === '')) return undefined
  const [, sign, whole = '', part = '', exponent = '0'] = match
  const shift = scale - part.length + Number(exponent)
  if (shift > 1000) return undefined
  let digits = BigInt(whole + part)
  if (shift >= 0) digits *= 10n ** BigInt(shift)
  else {
    const divisor = 10n ** BigInt(-shift)
    if (digits % divisor !== 0n) return undefined
    digits /= divisor
  }
  return sign === '-' ? -digits : digits
}
