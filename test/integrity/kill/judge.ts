import { readFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { eventText } from './events.ts'

export interface Verdict {
  /** what is wrong; empty where every promise was kept */
  violations: string[]
  streams: number
  acked: number
  stored: number
}

/**
 * Compares a store with the ledgers of its producers: every acknowledged event is stored exactly once and in order, and
 * nothing is stored that was not sent.
 */
export function judge(store: string, ledgers: readonly string[]): Verdict {
  const promised = new Map<string, { acked: number; sent: number }>()
  for (const ledger of ledgers)
    for (const line of readFileSync(ledger, 'utf8').trim().split('\n')) {
      const { stream, acked, sent } = JSON.parse(line) as { stream: string; acked: number; sent: number }
      const known = promised.get(stream) ?? { acked: 0, sent: 0 }
      promised.set(stream, { acked: Math.max(known.acked, acked), sent: Math.max(known.sent, sent) })
    }

  const db = new Database(store, { readonly: true })
  const violations: string[] = []
  const check = db.pragma('integrity_check', { simple: true })
  if (check !== 'ok') violations.push(`integrity_check: ${String(check)}`)
  const counts = db.prepare('select count from streams where stream_key = ?').pluck()
  const rows = db.prepare(
    'select stream_index, payload from events join streams using (stream_id) where stream_key = ? order by event_id',
  )
  let stored = 0
  let acked = 0
  for (const [stream, promise] of promised) {
    let k = 0
    for (const row of rows.iterate(stream) as IterableIterator<{ stream_index: number; payload: string }>) {
      if (row.stream_index !== k || row.payload !== eventText(stream, k)) {
        violations.push(`${stream}: at position ${k} stands ${row.stream_index}: ${row.payload.slice(0, 80)}`)
        break
      }
      k++
    }
    const count = (counts.get(stream) as number | undefined) ?? 0
    if (count !== k) violations.push(`${stream}: the count is ${count}, stored are ${k}`)
    if (k < promise.acked) violations.push(`${stream}: acknowledged ${promise.acked}, stored ${k}`)
    if (k > promise.sent) violations.push(`${stream}: sent ${promise.sent}, stored ${k}`)
    stored += k
    acked += promise.acked
  }
  const total = db.prepare('select count(*) from events').pluck().get() as number
  if (total !== stored) violations.push(`${total - stored} events are in no stream of the ledgers`)
  db.close()
  return { violations, streams: promised.size, acked, stored }
}
