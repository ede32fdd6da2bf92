import { type Data, DataType, DateUnit, type Field, TimeUnit } from 'apache-arrow'
import { bit, decimalText, textReader } from '../../runtime/batch/cells.ts'
import { writeDate, writeTime, writeTimestamp } from './copy-times.ts'
import type { TextBytes } from './text-bytes.ts'
import { wideOf } from './types.ts'

/** Writes the value of a row, which is not null, as Postgres reads it. */
export type CellWriter = (out: TextBytes, row: number) => void

export function cellWriter(field: Field, data: Data): CellWriter {
  const { type, values, valueOffsets, offset } = data
  if (DataType.isBool(type)) return (out, row) => out.byte(bit(values, offset + row) ? T : F)
  if (DataType.isInt(type)) {
    if (type.bitWidth < 64) return (out, row) => out.integer(values[row])
    return wholeWriter(values, type.isSigned)
  }
  if (DataType.isFloat(type)) return floatWriter(values)
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type))
    return (out, row) => out.escaped(values, Number(valueOffsets[row]), Number(valueOffsets[row + 1]))
  if (DataType.isBinary(type) || DataType.isLargeBinary(type))
    return (out, row) => out.hex(values, Number(valueOffsets[row]), Number(valueOffsets[row + 1]))
  if (DataType.isFixedSizeBinary(type)) {
    const width = type.byteWidth
    const wide = wideOf(field)
    if (wide)
      return (out, row) => out.ascii(wideText(values.subarray(row * width, row * width + width), wide === 'i256'))
    return (out, row) => out.hex(values, row * width, row * width + width)
  }
  if (DataType.isDecimal(type)) return decimalWriter(values, type.bitWidth / 32, type.scale)
  if (DataType.isDate(type)) {
    if (type.unit === DateUnit.DAY) return (out, row) => writeDate(out, values[row])
    return (out, row) => writeDate(out, Math.floor(Number(values[row]) / 86_400_000))
  }
  if (DataType.isTime(type)) {
    const perSecond = perSeconds[type.unit]
    return (out, row) => writeTime(out, Number(values[row]), perSecond)
  }
  if (DataType.isTimestamp(type)) {
    const perSecond = perSeconds[type.unit]
    return (out, row) => writeTimestamp(out, values[row], perSecond)
  }
  const read = textReader(data)
  return (out, row) => {
    const text = encoder.encode(read(row))
    out.escaped(text, 0, text.length)
  }
}

const encoder = new TextEncoder()
const T = 116
const F = 102

const perSeconds = {
  [TimeUnit.SECOND]: 1,
  [TimeUnit.MILLISECOND]: 1000,
  [TimeUnit.MICROSECOND]: 1_000_000,
  [TimeUnit.NANOSECOND]: 1_000_000_000,
}

/** A BigInt only where a double would not hold the value. */
function wholeWriter(values: BigInt64Array | BigUint64Array, isSigned: boolean): CellWriter {
  const halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2)
  return (out, row) => {
    const high = halves[2 * row + 1]!
    if (high < 0x200000 && high >= (isSigned ? -0x1fffff : 0))
      out.integer(high * 0x1_0000_0000 + (halves[2 * row]! >>> 0))
    else out.ascii(String(values[row]!))
  }
}

function floatWriter(values: Float32Array | Float64Array): CellWriter {
  if (values instanceof Uint16Array) throw new Error('float16 columns are not supported')
  return (out, row) => {
    const value = values[row]!
    if (Number.isInteger(value) && Math.abs(value) < 2 ** 53) {
      if (Object.is(value, -0)) out.ascii('-0')
      else out.integer(value)
    } else out.ascii(String(value))
  }
}

/** Two's complement of `words` 32-bit words, little-endian. */
function decimalWriter(values: Uint32Array, words: number, scale: number): CellWriter {
  const ends = 10 ** Math.max(0, scale)
  return (out, row) => {
    const at = row * words
    const [low, high] = [values[at]!, values[at + 1]! | 0]
    let isSmall = scale >= 0 && scale <= 15 && high < 0x200000 && high > -0x1fffff
    for (let word = 2; isSmall && word < words; word++) isSmall = (values[at + word]! | 0) === high >> 31
    if (isSmall) writeScaled(out, high * 0x1_0000_0000 + low, scale, ends)
    else out.ascii(decimalText(values, at, words, scale))
  }
}

function writeScaled(out: TextBytes, value: number, scale: number, ends: number): void {
  if (scale === 0) {
    out.integer(value)
    return
  }
  let rest = value
  if (rest < 0) {
    out.byte(45)
    rest = -rest
  }
  const whole = Math.floor(rest / ends)
  out.integer(whole)
  out.reserve(1 + scale)
  out.byte(46)
  out.digits(rest - whole * ends, scale)
}

function wideText(bytes: Uint8Array, isSigned: boolean): string {
  const value = BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}`)
  return String(isSigned ? BigInt.asIntN(256, value) : value)
}
