import { type DataType, DataType as Is } from 'apache-arrow'
import { Misfit } from '../../runtime/batch/coerce.ts'
import { nameOf } from '../../runtime/batch/types.ts'

/** Whether a column of the one type takes every value that was written as the other, and changes none. */
export function holds(column: DataType, written: DataType): boolean {
  if (nameOf(column) === nameOf(written)) return true
  if (Is.isUtf8(column)) return !Is.isBinary(written) && written.children === null
  if (Is.isInt(written)) {
    const bits = written.bitWidth - (written.isSigned ? 1 : 0)
    if (Is.isInt(column)) {
      const least = column.isSigned || !written.isSigned
      return least && column.bitWidth - (column.isSigned ? 1 : 0) >= bits
    }
    if (Is.isFloat(column)) return bits <= (isSingle(column) ? 24 : 53)
    if (Is.isDecimal(column)) return column.precision - column.scale >= Math.ceil(bits * Math.log10(2))
    return false
  }
  if (Is.isFloat(written)) return Is.isFloat(column) && column.precision >= written.precision
  if (Is.isDecimal(written))
    return (
      Is.isDecimal(column) &&
      column.scale >= written.scale &&
      column.precision - column.scale >= written.precision - written.scale
    )
  if (Is.isTimestamp(written))
    return Is.isTimestamp(column) && column.timezone === written.timezone && column.unit >= written.unit
  if (Is.isList(written)) return Is.isList(column) && holds(column.children[0]!.type, written.children[0]!.type)
  return false
}

/**
 * Throws a Misfit on a number that a floating column of the type, or one inside it, would have to round; undefined
 * where it has none.
 */
export function exactly(type: DataType): ((value: unknown) => void) | undefined {
  if (Is.isFloat(type)) {
    const isRounded = isSingle(type) ? (value: number) => Math.fround(value) !== value : () => false
    return value => {
      const number = Number(value)
      if (typeof value === 'bigint' ? BigInt(number) !== value || isRounded(number) : isOff(value))
        throw new Misfit(`${value} does not fit ${nameOf(type)} exactly`)
    }
    function isOff(value: unknown): boolean {
      return typeof value === 'number' && !Number.isNaN(value) && isRounded(value)
    }
  }
  if (Is.isList(type) || Is.isMap(type)) {
    const inner = Is.isList(type) ? type.children[0]!.type : type.children[0]!.type.children[1]!.type
    const check = exactly(inner)
    return check && (value => eachOf(value).forEach(check))
  }
  if (!Is.isStruct(type)) return undefined
  const checks = type.children.flatMap(({ name, type: inner }) => {
    const check = exactly(inner)
    return check === undefined ? [] : [{ name, check }]
  })
  if (checks.length === 0) return undefined
  return value => {
    if (typeof value !== 'object' || value === null) return
    for (const { name, check } of checks) check((value as Record<string, unknown>)[name])
  }
}

const isSingle = (type: DataType): boolean => type.ArrayType === Float32Array

const eachOf = (value: unknown): unknown[] => (typeof value === 'object' && value !== null ? Object.values(value) : [])
