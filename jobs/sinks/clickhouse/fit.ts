import { isIPv4, isIPv6 } from 'node:net'
import { type Data, type DataType, type Field, DataType as Is, TimeUnit } from 'apache-arrow'
import { type ChType, digitsOf, isNullable, parseType } from '../../drivers/clickhouse/types.ts'
import { validity } from '../../runtime/batch/cells.ts'
import { isJsonObject } from './json.ts'

/**
 * What a column of ClickHouse holds of one of Arrow's. The server's own conversion wraps numbers around, cuts digits, and
 * makes NULL of text that it cannot read, and says nothing: so values that would change are found here.
 */
export type Fit =
  /** every value is kept */
  | 'all'
  /** tells the rows whose value is not */
  | ((data: Data) => (row: number) => boolean)

/** Undefined: there is no such conversion, or it would change values. */
export function fitOf(type: DataType, column: string): Fit | undefined {
  return fit(type, bare(parseType(column)))
}

/** Without what does not change the values. */
export function bare(type: ChType): ChType {
  const { name, args } = type
  if (name === 'Nullable' || name === 'LowCardinality') return bare(args[0]!)
  return name === 'SimpleAggregateFunction' ? bare(args[1]!) : type
}

function fit(type: DataType, to: ChType): Fit | undefined {
  if (Is.isBool(type)) return /^(Bool|String|U?Int\d+)$/.test(to.name) ? 'all' : undefined
  if (Is.isInt(type)) return integer(type.isSigned, type.bitWidth, to)
  if (Is.isFloat(type)) return float(to, type.precision)
  if (Is.isUtf8(type)) return text(to)
  if (Is.isBinary(type)) return to.name === 'String' ? 'all' : to.name === 'FixedString' ? noLonger(to) : undefined
  if (Is.isFixedSizeBinary(type))
    return to.name === 'String' || (to.name === 'FixedString' && Number(to.args[0]!.name) === type.byteWidth)
      ? 'all'
      : undefined
  if (Is.isDecimal(type)) return decimal(type.precision, type.scale, to)
  if (Is.isDate(type))
    return to.name === 'Date' ? outside(0n, 65_535n) : to.name === 'Date32' ? outside(-25_567n, 120_530n) : undefined
  if (Is.isTimestamp(type)) return timestamp(type.unit, to)
  if (Is.isTime(type)) return to.name === 'Time64' || to.name === 'Int64' ? 'all' : undefined
  return nested(type, to)
}

type IsBad = (row: number) => boolean

/** Lists, maps and structs hold what all that lies inside fits. */
function nested(type: DataType, to: ChType): Fit | undefined {
  if ((Is.isList(type) || Is.isFixedSizeList(type)) && to.name === 'Array') {
    const size = Is.isFixedSizeList(type) ? type.listSize : undefined
    return ofAll([inside(type.children[0]!, to.args[0])], ({ children, valueOffsets }, [item]) => {
      const isBad = item!(children[0]!)
      return size === undefined
        ? row => someOf(valueOffsets[row]!, valueOffsets[row + 1]!, isBad)
        : row => someOf(row * size, (row + 1) * size, isBad)
    })
  }
  if (Is.isMap(type) && to.name === 'Map') {
    const parts = type.children[0]!.type.children.map((field: Field, at: number) => inside(field, to.args[at]))
    return ofAll(parts, ({ children, valueOffsets }, parts) => {
      const checks = parts.map((part, at) => part(children[0]!.children[at]!))
      return row => checks.some(isBad => someOf(valueOffsets[row]!, valueOffsets[row + 1]!, isBad))
    })
  }
  if (Is.isStruct(type) && to.name === 'Tuple' && type.children.length === to.args.length)
    return ofAll(
      type.children.map((field, at) => inside(field, to.args[at])),
      ({ children }, parts) => {
        const checks = parts.map((part, at) => part(children[at]!))
        return row => checks.some(isBad => isBad(row))
      },
    )
  return undefined
}

function someOf(from: number, end: number, isBad: IsBad): boolean {
  for (let at = from; at < end; at++) if (isBad(at)) return true
  return false
}

const none = () => () => false

function ofAll(
  parts: readonly (Fit | undefined)[],
  check: (data: Data, parts: readonly ((data: Data) => IsBad)[]) => IsBad,
): Fit | undefined {
  if (parts.includes(undefined)) return undefined
  if (parts.every(part => part === 'all')) return 'all'
  const checks = parts.map(part => (typeof part === 'function' ? part : none))
  return data => check(data, checks)
}

/** A value within another one; a null there is the type's default where the type has none. */
function inside({ type, nullable }: Field, column: ChType | undefined): Fit | undefined {
  if (column === undefined) return undefined
  const to = bare(column)
  // text of as many bytes as the number has is taken for its bytes: only columns are sent so that it is not
  if (Is.isUtf8(type) && /^(IPv6|U?Int(128|256))$/.test(to.name)) return undefined
  const own = fit(type, to)
  const isEmpty = /^(Array|Map|Tuple)$/.test(to.name)
  if (own === undefined || (own === 'all' && (isEmpty || !nullable || isNullable(column.text)))) return own
  const nullIsBad = !isEmpty && !isNullable(column.text)
  return data => {
    const isValid = validity(data)
    const isBad = own === 'all' ? undefined : own(data)
    return row => (isValid(row) ? isBad?.(row) === true : nullIsBad)
  }
}

const rangeOf = (signed: boolean, bits: number): [bigint, bigint] =>
  signed ? [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n] : [0n, (1n << BigInt(bits)) - 1n]

function targetRange({ name }: ChType): [bigint, bigint] | undefined {
  const [, unsigned, bits] = /^(U?)Int(\d+)$/.exec(name) ?? []
  return bits === undefined ? undefined : rangeOf(unsigned === '', Number(bits))
}

function integer(signed: boolean, bits: number, to: ChType): Fit | undefined {
  const [least, most] = rangeOf(signed, bits)
  const target = targetRange(to)
  if (target !== undefined) return target[0] <= least && most <= target[1] ? 'all' : outside(...target)
  if (to.name === 'String') return 'all'
  if (/^Float/.test(to.name)) {
    const whole = to.name === 'Float64' ? 1n << 53n : 1n << 24n
    return most <= whole ? 'all' : outside(-whole, whole)
  }
  if (to.name === 'Decimal') {
    const digits = Number(to.args[0]!.name) - Number(to.args[1]!.name)
    return outside(-(10n ** BigInt(digits)) + 1n, 10n ** BigInt(digits) - 1n)
  }
  return undefined
}

/** Integers, dates and times, by the number that they are. */
function outside(least: bigint, most: bigint): Fit {
  return ({ values }) => {
    if (values instanceof BigInt64Array || values instanceof BigUint64Array)
      return row => values[row]! < least || values[row]! > most
    const [low, high] = [Number(least), Number(most)]
    return row => values[row]! < low || values[row]! > high
  }
}

function float(to: ChType, precision: number): Fit | undefined {
  if (to.name === 'Float64' || to.name === 'String') return 'all'
  if (to.name !== 'Float32') return undefined
  // digits are fewer there, which is what the column says; a number that is none any more is another matter
  return precision < 2
    ? 'all'
    : ({ values }) =>
        row =>
          Number.isFinite(values[row]) && !Number.isFinite(Math.fround(values[row]!))
}

const perSecond: Readonly<Record<number, bigint>> = {
  [TimeUnit.SECOND]: 1n,
  [TimeUnit.MILLISECOND]: 1_000n,
  [TimeUnit.MICROSECOND]: 1_000_000n,
  [TimeUnit.NANOSECOND]: 1_000_000_000n,
}

/** Fractions of a second that the column does not have are cut: it says so. */
function timestamp(unit: TimeUnit, to: ChType): Fit | undefined {
  const scale = perSecond[unit]!
  if (to.name === 'DateTime') return outside(0n, (1n << 32n) * scale - 1n)
  if (to.name === 'DateTime64') {
    // years 1900 to 2299; the server counts in 64 bits, so that nine digits end in 2262
    const last = digitsOf(to) === 9 ? (((1n << 63n) - 1n) * scale) / 1_000_000_000n : 10_413_792_000n * scale - 1n
    return outside(-2_208_988_800n * scale, last)
  }
  return to.name === 'String' ? 'all' : undefined
}

/** A mark at the beginning is part of the text. */
const bytes = new TextDecoder('utf-8', { ignoreBOM: true })

function text(to: ChType): Fit | undefined {
  const { name } = to
  if (name === 'String') return 'all'
  if (name === 'FixedString') return noLonger(to)
  const target = targetRange(to)
  const wanted = (isGood: (text: string) => boolean): Fit => {
    return ({ values, valueOffsets }) =>
      row =>
        !isGood(bytes.decode(values.subarray(valueOffsets[row], valueOffsets[row + 1])))
  }
  if (target !== undefined)
    return wanted(
      // a sign, and be it of -0, is no part of an unsigned number
      text =>
        (target[0] < 0n ? /^-?\d{1,78}$/ : /^\d{1,78}$/).test(text) &&
        BigInt(text) >= target[0] &&
        BigInt(text) <= target[1],
    )
  if (name.startsWith('Enum')) {
    const members = membersOf(to)
    // the server takes the number of a member for it, too, which is another text then
    return wanted(text => members.has(text))
  }
  if (/^(JSON|Object)$/.test(name)) return wanted(isJsonObject)
  if (name === 'UUID') return wanted(text => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text))
  if (name === 'IPv4') return wanted(isIPv4)
  if (name === 'IPv6') return wanted(text => (isIPv6(text) && !text.includes('%')) || isIPv4(text))
  return undefined
}

const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', 0: '\0' }

/** `Enum8('few' = 1, 'a\'b' = 2)` */
const membersOf = ({ args }: ChType): ReadonlySet<string> =>
  new Set(
    args.map(({ text }) =>
      text.slice(1, text.lastIndexOf("'")).replace(/\\(.)/gs, (_, char: string) => escapes[char] ?? char),
    ),
  )

function noLonger({ args }: ChType): Fit {
  const most = Number(args[0]!.name)
  return ({ valueOffsets }) =>
    row =>
      Number(valueOffsets[row + 1]) - Number(valueOffsets[row]) > most
}

function decimal(precision: number, scale: number, to: ChType): Fit | undefined {
  if (to.name === 'Float64' || to.name === 'String') return 'all'
  if (to.name !== 'Decimal') return undefined
  const [most, digits] = to.args.map(arg => Number(arg.name)) as [number, number]
  if (digits >= scale && most - digits >= precision - scale) return 'all'
  const cut = 10n ** BigInt(Math.max(scale - digits, 0))
  // in units of the rows' own scale
  const limit = 10n ** BigInt(most - digits + scale)
  return ({ values, stride }) =>
    row => {
      let value = 0n
      for (let word = stride - 1; word >= 0; word--) value = (value << 32n) | BigInt(values[row * stride + word]! >>> 0)
      value = BigInt.asIntN(stride * 32, value)
      return value % cut !== 0n || value >= limit || value <= -limit
    }
}
