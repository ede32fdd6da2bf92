import { parseExact } from '../../drivers/http/json.ts'
import type { PayloadVersion } from '../../drivers/http/keys.ts'
import { OP } from '../../runtime/batch/types.ts'
import type { Json } from '../../runtime/contract.ts'

/** Why an answer is no rows. */
export class BadAnswer extends Error {}

export type AnswerRow = { readonly [column: string]: Json }

/**
 * The rows of an answer; null for one that is left out. Version 0: an array of rows, one row, or a row per line.
 * Version 1: the same of `{"data": ROW}`, whose `metadata.op`, if any, becomes `_gs_op` unless the row has one.
 * Throws `BadAnswer`.
 */
export function readAnswer(text: string, version: PayloadVersion): (AnswerRow | null)[] {
  const items = itemsOf(text)
  return (version === 0 ? items : items.flatMap(unwrap)).map((item, at) => {
    if (item === null || isObject(item)) return item
    throw new BadAnswer(`row ${at + 1} of the answer is ${nameOf(item)}, and no object`)
  })
}

function itemsOf(text: string): readonly Json[] {
  try {
    const value = parseExact(text)
    return Array.isArray(value) ? value : [value as Json]
  } catch (cause) {
    const lines = text.split('\n').filter(line => line.trim() !== '')
    if (lines.length < 2) throw notJson(cause)
    try {
      return lines.map(parseExact)
    } catch {
      // what is wrong with the whole says more than what is wrong with its first line
      throw notJson(cause)
    }
  }
}

function notJson(cause: unknown): BadAnswer {
  return new BadAnswer(`the answer is not JSON (${(cause as Error).message})`, { cause })
}

function unwrap(item: Json, at: number): readonly Json[] {
  if (item === null) return [null]
  if (!isObject(item) || !Object.hasOwn(item, 'data'))
    throw new BadAnswer(`item ${at + 1} of the answer has no "data", which payload_version 1 wants`)
  const { data, metadata } = item as { data: Json; metadata?: Json }
  const op = isObject(metadata) ? metadata.op : undefined
  const rows: readonly Json[] = Array.isArray(data) ? data : [data]
  return rows.map(row => (isObject(row) && op !== undefined && row[OP] === undefined ? { ...row, [OP]: op } : row))
}

const isObject = (value: Json | undefined): value is AnswerRow =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const nameOf = (value: Json): string => (Array.isArray(value) ? 'an array' : `a ${typeof value}`)
