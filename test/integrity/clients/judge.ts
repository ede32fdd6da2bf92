import Database from 'better-sqlite3'
import { eventText } from './events.ts'
import { readLedger } from './ledger.ts'

export interface LaneLedger {
  /** of the lane and of its stream */
  key: string
  ledger: string
}

export interface Verdict {
  /** what is wrong; empty where every promise was kept */
  violations: string[]
  /** `send` took them */
  accepted: number
  /** the process died before it could note whether `send` took them; so many of them are stored */
  unknown: number
  unknownStored: number
  stored: number
}

interface Row {
  stream_index: number
  payload: string
}

/** Compares a store with the ledgers: every accepted event once and in order in its stream, and no other anywhere. */
export function judge(store: string, lanes: readonly LaneLedger[]): Verdict {
  const db = new Database(store, { readonly: true })
  const verdict: Verdict = { violations: [], accepted: 0, unknown: 0, unknownStored: 0, stored: 0 }
  const { violations } = verdict
  const check = db.pragma('integrity_check', { simple: true })
  if (check !== 'ok') violations.push(`integrity_check: ${String(check)}`)
  for (const lane of lanes) judgeLane(db, lane, verdict)

  const keys = new Set(lanes.map(({ key }) => key))
  for (const { key, count } of db.prepare('select stream_key as key, count from streams').all() as {
    key: string
    count: number
  }[])
    if (!keys.has(key)) violations.push(`stream ${key}, with ${count} events, is none of the lanes'`)
  const one = (sql: string) => db.prepare(sql).pluck().get() as number
  const events = one('select count(*) from events')
  if (events !== verdict.stored) violations.push(`stored are ${events} events, ${verdict.stored} of them as promised`)
  const letters = one('select count(*) from dead_letters')
  if (letters > 0) violations.push(`${letters} dead letters`)
  db.close()
  return verdict
}

function judgeLane(db: Database.Database, { key, ledger }: LaneLedger, verdict: Verdict): void {
  const { entries, flushed } = readLedger(ledger)
  const say = (what: string) => verdict.violations.push(`${key}: ${what}`)
  if (!flushed) say('the producer did not come to its end')
  const rows = db.prepare<[string], Row>(
    'select stream_index, payload from events join streams using (stream_id) where stream_key = ? order by event_id',
  )
  let at = 0
  let stored = 0
  let failed = false
  for (const { stream_index, payload } of rows.iterate(key)) {
    const passed = at
    // an event of unknown outcome may be there or not, but only at its place
    while (at < entries.length && !entries[at]!.taken && payload !== eventText(key, entries[at]!.n)) at++
    const due = entries[at]
    if (due === undefined || stream_index !== stored || payload !== eventText(key, due.n)) {
      const wanted = entries.slice(passed).find(({ taken }) => taken)
      const what = wanted === undefined ? 'nothing more' : `event ${wanted.n} at ${stored}`
      say(`expected ${what}, stored at ${stream_index} is ${payload.slice(0, 80)}`)
      failed = true
      break
    }
    if (!due.taken) verdict.unknownStored++
    at++
    stored++
  }
  const missing = entries.slice(at).filter(({ taken }) => taken)
  if (!failed && missing.length > 0)
    say(`${missing.length} accepted events are missing at the end, from ${missing[0]!.n} on`)
  const count = db.prepare('select count from streams where stream_key = ?').pluck().get(key) as number | undefined
  if (!failed && (count ?? 0) !== stored) say(`the count is ${count}, stored are ${stored}`)
  verdict.stored += stored
  verdict.accepted += entries.filter(({ taken }) => taken).length
  verdict.unknown += entries.filter(({ taken }) => !taken).length
}
