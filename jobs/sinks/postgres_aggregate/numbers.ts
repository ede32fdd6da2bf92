import type { PgType } from './types.ts'

/** Types with aggregates `min` and `max` in every version of the server. */
const known = /^(smallint|integer|bigint|numeric|real|double precision|date|time|text|character)/

/** The least or most of an expression, of the rows that the condition holds for; nulls are left out. */
export function extreme(fn: 'min' | 'max', type: PgType, value: string, where: string): string {
  if (type === 'boolean') return `${fn === 'min' ? 'bool_and' : 'bool_or'}(${value}) filter (where ${where})`
  if (known.test(type)) return `${fn}(${value}) filter (where ${where})`
  const order = fn === 'min' ? 'asc' : 'desc'
  return `(array_agg(${value} order by ${value} ${order}) filter (where ${where} and ${value} is not null))[1]`
}

export const further = (fn: 'min' | 'max'): string => (fn === 'min' ? 'least' : 'greatest')

/** A value as its sum is computed with: no sum of whole numbers ends at 2^63. */
export const summed = (kind: string, value: string): string =>
  `${value}::${kind === 'real' ? 'double precision' : 'numeric'}`
