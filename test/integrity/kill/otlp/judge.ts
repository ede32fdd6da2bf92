import Database from 'better-sqlite3'
import type { Verdict } from '../judge.ts'
import { isExact, type Promised, read } from './ledger.ts'
import { labelOf, type Mark, planOf, readMark, timeOf } from './plan.ts'

/** Where the mark, the time and the label of a record stand. */
const tables = [
  ['otlp_logs', 'log_attributes', 'time_unix_nano', 'severity_text'],
  ['otlp_traces', 'span_attributes', 'start_time_unix_nano', 'name'],
  ...['gauge', 'sum', 'histogram', 'exp_histogram', 'summary'].map(kind => [
    `otlp_metrics_${kind}`,
    'metric_attributes',
    'time_unix_nano',
    'name',
  ]),
]
const everything = `
  ${tables
    .map(([table, attributes, time, label]) => {
      return `select stream_id, stream_index, ${attributes} as text, cast(${time} as text) as time, ${label} as label, null as raw from ${table}`
    })
    .join('\n  union all ')}
  union all select stream_id, stream_index, null, null, null, raw from dead_letters
  order by stream_id, stream_index`

interface Row {
  stream_id: number
  stream_index: number
  text: string | null
  time: string | null
  label: string | null
  /** of a dead letter */
  raw: Buffer | null
}

interface StreamRow {
  stream_id: number
  stream_key: string
  count: number
}

/** A request that stands whole in a stream. */
interface Copy {
  lane: string
  request: number
}

/**
 * Compares the tables with the ledger: a request is there as a whole or not at all, with its refused records as dead
 * letters at their positions; each acknowledged one is there, once and in order where it had an offset; and nothing
 * else is.
 */
export function judge(store: string, ledger: string): Verdict {
  const db = new Database(store, { readonly: true })
  const violations: string[] = []
  const check = db.pragma('integrity_check', { simple: true })
  if (check !== 'ok') violations.push(`integrity_check: ${String(check)}`)
  const streams = db.prepare<[], StreamRow>('select stream_id, stream_key, count from streams').all()
  const rows = Map.groupBy(db.prepare<[], Row>(everything).iterate(), row => row.stream_id)
  db.close()

  let stored = 0
  const copies: (Copy & { key: string })[] = []
  for (const { stream_id, stream_key, count } of streams) {
    const mine = rows.get(stream_id) ?? []
    rows.delete(stream_id)
    stored += mine.length
    if (mine.length !== count) violations.push(`${stream_key}: the count is ${count}, stored are ${mine.length}`)
    try {
      for (const copy of requestsIn(mine)) copies.push({ ...copy, key: stream_key })
    } catch (error) {
      violations.push(`${stream_key}: ${(error as Error).message}`)
    }
  }
  if (rows.size > 0) violations.push(`${rows.size} streams have rows, and are in no table of streams`)

  const lanes = read(ledger)
  const found = Map.groupBy(copies, copy => copy.lane)
  for (const lane of found.keys()) if (!lanes.has(lane)) violations.push(`${lane}: stored, but never sent`)
  let acked = 0
  for (const [lane, promised] of lanes) {
    for (const request of promised.acked) acked += planOf(lane, request).records
    const mine = found.get(lane) ?? []
    violations.push(...(isExact(lane) ? exactly(lane, promised, mine) : atLeast(lane, promised, mine)))
  }
  return { violations, streams: streams.length, acked, stored }
}

/** The requests of one stream, in order. Throws at the first position that does not belong there. */
function* requestsIn(rows: readonly Row[]): Generator<Copy> {
  let open: Mark | undefined
  let next = 0
  for (const [k, row] of rows.entries()) {
    if (row.stream_index !== k) throw new Error(`at position ${k} stands ${row.stream_index}`)
    const mark = readMark(row.text ?? row.raw?.toString('latin1') ?? '')
    if (mark === undefined) throw new Error(`position ${k} has no mark: ${row.text}`)
    const { lane, request, index, records } = mark
    open ??= mark
    if (lane !== open.lane || request !== open.request || index !== next || records !== planOf(lane, request).records)
      throw new Error(`position ${k}: record ${next} of ${show(open)} is missing, there is ${show(mark)}`)
    const isDead = row.raw !== null
    if (isDead !== (planOf(lane, request).bad === index))
      throw new Error(`position ${k}: ${show(mark)} is ${isDead ? 'a dead letter' : 'a row'}`)
    if (!isDead && (row.time !== String(timeOf(request, index)) || row.label !== labelOf(request)))
      throw new Error(`position ${k}: ${show(mark)} has the time ${row.time} and the label ${row.label}`)
    next++
    if (next < records) continue
    yield { lane, request }
    open = undefined
    next = 0
  }
  if (open !== undefined) throw new Error(`it ends with record ${next} of ${show(open)}: ${open.records} were sent`)
}

const show = ({ lane, request, index, records }: Mark) => `${lane} request ${request} record ${index} of ${records}`

function exactly(lane: string, { sent, acked }: Promised, copies: readonly (Copy & { key: string })[]): string[] {
  const found: string[] = []
  const wrong = copies.findIndex(({ request, key }, k) => request !== k || key !== lane)
  if (wrong >= 0)
    found.push(`${lane}: request ${copies[wrong]!.request} stands as number ${wrong} of ${copies[wrong]!.key}`)
  const last = Math.max(-1, ...acked)
  if (copies.length <= last) found.push(`${lane}: request ${last} was acknowledged, stored are ${copies.length}`)
  if (copies.length > sent.length) found.push(`${lane}: ${sent.length} requests were sent, stored are ${copies.length}`)
  return found
}

function atLeast(lane: string, { sent, acked }: Promised, copies: readonly Copy[]): string[] {
  const found: string[] = []
  const times: number[] = []
  for (const { request } of copies) times[request] = (times[request] ?? 0) + 1
  for (const request of acked)
    if (times[request] === undefined) found.push(`${lane}: request ${request} was acknowledged, and is not stored`)
  for (const [request, often] of times.entries())
    if ((often ?? 0) > (sent[request] ?? 0))
      found.push(`${lane}: request ${request} was sent ${sent[request] ?? 0} times, and is stored ${often} times`)
  return found
}
