import type { Db } from '../../drivers/sqlite-sink/connection.ts'
import { PipelineError } from '../../runtime/errors.ts'

/**
 * Functions for SQL that compute exactly where SQLite itself would round: sums of integers, and decimals as text. All
 * decimals of one column have the same scale.
 */
export function registerNumbers(db: Db): void {
  const pure = { deterministic: true, directOnly: true, safeIntegers: true } as const
  // a sum is handed over in two halves, whose own sums cannot leave 64 bits: 2^32 * high + low
  db.function('_millrace_integer', pure, (old: bigint | null, high: bigint, low: bigint) => {
    const sum = (old ?? 0n) + (high << 32n) + low
    if (BigInt.asIntN(64, sum) === sum) return sum
    throw new PipelineError(
      'bad_data',
      `a sum is ${sum}, and an SQLite integer ends at 2^63-1: give the aggregate the type numeric(38, 0), which is kept as text`,
    )
  })
  db.function('_millrace_decimal_add', pure, (a: string | null, b: string | null) =>
    a === null ? b : b === null ? a : written(units(a) + units(b), scaleOf(a)),
  )
  db.function('_millrace_decimal_least', pure, (a: string | null, b: string | null) => least(a, b))
  db.function('_millrace_decimal_most', pure, (a: string | null, b: string | null) => most(a, b))
  db.aggregate<unknown>('_millrace_decimal_sum', {
    directOnly: true,
    varargs: true,
    start: null,
    step: (sum, value, weight?: unknown) =>
      value === null ? sum : add(sum as Sum | null, value as string, weight as number),
    result: sum => sum && written((sum as Sum).units, (sum as Sum).scale),
  })
  db.aggregate<string | null>('_millrace_decimal_min', { directOnly: true, start: null, step: least })
  db.aggregate<string | null>('_millrace_decimal_max', { directOnly: true, start: null, step: most })
}

interface Sum {
  units: bigint
  scale: number
}

const add = (sum: Sum | null, value: string, weight: number): Sum => ({
  units: (sum?.units ?? 0n) + units(value) * BigInt(weight),
  scale: sum?.scale ?? scaleOf(value),
})
const least = (a: string | null, b: string | null): string | null =>
  a === null ? b : b === null || units(a) <= units(b) ? a : b
const most = (a: string | null, b: string | null): string | null =>
  a === null ? b : b === null || units(a) >= units(b) ? a : b

const units = (text: string): bigint => BigInt(text.replace('.', ''))
const scaleOf = (text: string): number => (text.includes('.') ? text.length - text.indexOf('.') - 1 : 0)

function written(value: bigint, scale: number): string {
  if (scale === 0) return String(value)
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0')
  return `${value < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}
