import {
  type Data,
  type DataType,
  DataType as Is,
  TimeNanosecond,
  type Timestamp,
  TimestampMicrosecond,
  type TimeUnit,
} from 'apache-arrow'
import { jsonReader, textReader, validity } from '../../runtime/batch/cells.ts'
import { type Cell, coercer, Misfit } from '../../runtime/batch/coerce.ts'
import { nameOf } from '../../runtime/batch/types.ts'
import { isSameNumber } from './number.ts'

/** Gives the cells of a column of one type as those of another. Throws a Misfit on a value that it would change. */
export type Cast = (data: Data) => (row: number) => Cell

/** The cast between two types; undefined where there is none that keeps values, or says for each that it cannot. */
export function castOf(from: DataType, to: DataType): Cast | undefined {
  if (!fits(from, to)) return undefined
  const coerce = coercer(to)
  const keeps = checkOf(from, to)
  const readerOf = Is.isTimestamp(from) && Is.isTimestamp(to) ? instants(from, to) : exactReader
  return data => {
    const isValid = validity(data)
    const read = readerOf(data)
    return row => {
      if (!isValid(row)) return null
      const value = read(row)
      const cell = coerce(value)
      if (keeps !== undefined && !keeps(value, cell))
        throw new Misfit(`${String(value).slice(0, 80)} does not fit ${nameOf(to)} exactly`)
      return cell
    }
  }
}

function fits(from: DataType, to: DataType): boolean {
  const isNumber = (type: DataType) => Is.isInt(type) || Is.isDecimal(type)
  const isScalar = (type: DataType) =>
    type.children === null || type.children === undefined || type.children.length === 0
  if (isNumber(from) && (isNumber(to) || Is.isFloat(to))) return true
  if (Is.isFloat(from) && Is.isFloat(to)) return to.precision >= from.precision
  if ((Is.isDate(from) || Is.isTimestamp(from)) && Is.isTimestamp(to)) return true
  if (Is.isTime(from) && Is.isTime(to)) return true
  if (Is.isBinary(from) || Is.isBinary(to)) return false
  return isScalar(from) && isScalar(to) && (Is.isUtf8(from) || Is.isUtf8(to))
}

/** Numbers but floats as text, which has all of their digits. */
const exactReader = (data: Data): ((row: number) => unknown) =>
  Is.isInt(data.type) || Is.isDecimal(data.type) ? textReader(data) : jsonReader(data)

/** Whether a cell is all that its value says, where the coercion lets something go. */
function checkOf(from: DataType, to: DataType): ((value: unknown, cell: Cell) => boolean) | undefined {
  if (Is.isFloat(to) && !Is.isFloat(from)) {
    const isSingle = to.ArrayType === Float32Array
    return (value, cell) => isSameNumber(value as string, cell as number, { isSingle, isWhole: Is.isInt(from) })
  }
  if (Is.isTime(to)) {
    const nanos = coercer(new TimeNanosecond())
    return (value, cell) => nanos(value) === BigInt(cell as bigint | number) * 10n ** BigInt(9 - 3 * to.unit)
  }
  if (!Is.isUtf8(from)) return undefined
  if (Is.isDate(to)) {
    const micros = coercer(new TimestampMicrosecond())
    return (value, cell) => !isFiner(value) && micros(value) === BigInt(cell as number) * 86_400_000_000n
  }
  return Is.isTimestamp(to) ? value => !isFiner(value) : undefined
}

/** A time of less than nanoseconds, whose last digits are let go. */
const isFiner = (value: unknown): boolean => /[.,]\d{9}\d*[1-9]/.test(value as string)

/** Their numbers in another unit. */
function instants(from: Timestamp, to: Timestamp): (data: Data) => (row: number) => bigint {
  const per = (unit: TimeUnit) => 1000n ** BigInt(unit)
  const [times, by] = [per(to.unit), per(from.unit)]
  return ({ values }) =>
    row => {
      const scaled = (values[row] as bigint) * times
      const instant = scaled / by
      if (instant * by !== scaled || BigInt.asIntN(64, instant) !== instant)
        throw new Misfit(`${values[row]} of ${nameOf(from)} does not fit ${nameOf(to)}`)
      return instant
    }
}
