import type { RecordBatch, Schema } from 'apache-arrow'
import { batchOfRows, type Row } from '../../runtime/batch/build.ts'
import type { Op } from '../../runtime/batch/select.ts'
import { OP } from '../../runtime/batch/types.ts'
import { type AnswerRow, BadAnswer } from './answer.ts'
import { matchRows } from './match.ts'

export interface Sent {
  /** as JSON values */
  rows(): readonly AnswerRow[]
  ops: readonly Op[]
  primaryKey: readonly string[]
}

export interface Taken {
  /** undefined where nothing is left */
  batch: RecordBatch | undefined
  /** what was sent and whose answer does not fit, by place: a row of `takeRows`, a request of `takeSingles` */
  refused: { at: number; message: string }[]
}

/**
 * The rows of one answer as a batch. `_gs_op` of a row that has none is that of the row it stands for. Throws `BadAnswer`
 * where a row does not fit and it cannot be told which one it stands for.
 */
export function takeRows(schema: Schema, sent: Sent, answer: readonly (AnswerRow | null)[]): Taken {
  const { rows, places, misfits, placeOf } = withOps(schema, sent, answer)
  const { batch, refused } = batchOfRows(schema, rows)
  for (const { row, message } of refused) misfits.push({ at: places[row]!, message })
  const bad = new Map<number, string>()
  for (const { at, message } of misfits) {
    const place = placeOf(at) ?? -1
    if (place < 0)
      throw new BadAnswer(`row ${at + 1} of the answer does not fit, and stands for none that was sent: ${message}`)
    if (!bad.has(place)) bad.set(place, `row ${at + 1} of the answer: ${message}`)
  }
  return { batch, refused: refusedOf(bad) }
}

/**
 * The answers of requests of one row each, as one batch. Of a row that came back as several all are taken, or none: its
 * dead letter would bring the others a second time.
 */
export function takeSingles(
  schema: Schema,
  requests: readonly { op: Op; answer: readonly (AnswerRow | null)[] }[],
): Taken {
  const bad = new Map<number, string>()
  let rows: Row[] = []
  let owners: number[] = []
  requests.forEach(({ op, answer }, request) => {
    const one = withOps(schema, { rows: () => [{}], ops: [op], primaryKey: [] }, answer)
    const [misfit] = one.misfits
    if (misfit !== undefined) bad.set(request, `row ${misfit.at + 1} of the answer: ${misfit.message}`)
    else
      for (const row of one.rows) {
        rows.push(row)
        owners.push(request)
      }
  })
  let built = batchOfRows(schema, rows)
  for (const { row, message } of built.refused) if (!bad.has(owners[row]!)) bad.set(owners[row]!, message)
  if (built.refused.length > 0) {
    rows = rows.filter((_, at) => !bad.has(owners[at]!))
    owners = owners.filter(owner => !bad.has(owner))
    built = batchOfRows(schema, rows)
  }
  return { batch: built.batch, refused: refusedOf(bad) }
}

const refusedOf = (bad: ReadonlyMap<number, string>) => [...bad].map(([at, message]) => ({ at, message }))

interface Prepared {
  rows: Row[]
  /** place in the answer of each of `rows` */
  places: number[]
  misfits: { at: number; message: string }[]
  /** the row that was sent which one of the answer stands for */
  placeOf(at: number): number | undefined
}

/** The rows of an answer, without nulls, each with its `_gs_op`. */
function withOps(schema: Schema, sent: Sent, answer: readonly (AnswerRow | null)[]): Prepared {
  let matched: readonly number[] | undefined
  const placeOf = (at: number): number | undefined => {
    matched ??= matchRows(sent.rows(), answer, sent.primaryKey)
    return matched?.[at]
  }
  const sameOp = sent.ops.every(op => op === sent.ops[0]) ? sent.ops[0] : undefined
  const hasOp = schema.fields.some(field => field.name === OP)
  const prepared: Prepared = { rows: [], places: [], misfits: [], placeOf }
  answer.forEach((row, at) => {
    if (row === null) return
    const given = hasOp ? (row[OP] ?? null) : null
    if (given !== null && given !== 'i' && given !== 'u' && given !== 'd') {
      prepared.misfits.push({ at, message: `column "${OP}": ${JSON.stringify(given)} is none of i, u and d` })
      return
    }
    prepared.rows.push(hasOp && given === null ? { ...row, [OP]: sameOp ?? opAt(at) } : row)
    prepared.places.push(at)
  })
  return prepared

  function opAt(at: number): Op {
    const place = placeOf(at)
    if (place === undefined)
      throw new BadAnswer(
        `${sent.ops.length} rows of different ${OP} were sent, and ${answer.length} came back without: let the answer have ${OP} or the primary key`,
      )
    return sent.ops[place] ?? 'i'
  }
}
