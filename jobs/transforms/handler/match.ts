import type { Json } from '../../runtime/contract.ts'
import type { AnswerRow } from './answer.ts'

/**
 * For each row of an answer the row that was sent which it stands for: its place, -1 for a new one. By primary key where
 * every row of the answer has it, the nth of a key for the nth; else by place, where there are as many. Undefined: it
 * cannot be told. Nulls of the answer count as rows, and stand for the one at their place.
 */
export function matchRows(
  sent: readonly AnswerRow[],
  answer: readonly (AnswerRow | null)[],
  primaryKey: readonly string[],
): readonly number[] | undefined {
  if (sent.length === 1) return answer.map(() => 0)
  const hasKey = (row: AnswerRow) => primaryKey.every(column => (row[column] ?? null) !== null)
  const keyed = primaryKey.length > 0 && answer.every(row => row === null || hasKey(row))
  if (!keyed) return answer.length === sent.length ? answer.map((_, at) => at) : undefined
  const places = new Map<string, number[]>()
  sent.forEach((row, at) => {
    const key = keyOf(row, primaryKey)
    const list = places.get(key)
    if (list === undefined) places.set(key, [at])
    else list.push(at)
  })
  return answer.map(row => {
    const list = row === null ? undefined : places.get(keyOf(row, primaryKey))
    if (list === undefined) return -1
    // more rows of a key than were sent stand for the last of them
    return list.length > 1 ? list.shift()! : list[0]!
  })
}

/** `5` and `"5"` are one key: 64-bit numbers may be either. */
function keyOf(row: AnswerRow, primaryKey: readonly string[]): string {
  return JSON.stringify(primaryKey.map(column => text(row[column] ?? null)))
}

const text = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value))
