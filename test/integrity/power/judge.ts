import { existsSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'

/** What the files of a directory hold once SQLite has recovered them. */
export interface Stored {
  /** what `pragma integrity_check` or the opening complained about */
  damage: string[]
  /** in the order of event_id */
  events: { stream: string; index: number; payload: string }[]
  /** stream key → its column count */
  counts: Map<string, number>
}

export interface Ledger {
  /** stream key → events that were acknowledged before the power cut */
  acked: ReadonlyMap<string, number>
  /** stream key → payloads that were ever sent, by index */
  sent: ReadonlyMap<string, readonly string[]>
}

/** Opens the copy for good: recovery writes to it. */
export function readStored(dir: string, database: string): Stored {
  const stored: Stored = { damage: [], events: [], counts: new Map() }
  const path = join(dir, database)
  if (!existsSync(path)) return stored
  let db: Database.Database | undefined
  try {
    db = new Database(path)
    // the copy itself needs to survive nothing
    db.pragma('synchronous = off')
    const check = db.pragma('integrity_check(3)', { simple: true })
    if (check !== 'ok') stored.damage.push(`integrity_check: ${check}`)
    if (db.prepare("select 1 from sqlite_schema where name = 'events'").get() === undefined) return stored
    stored.events = db
      .prepare<[], Stored['events'][number]>(
        `select stream_key as stream, stream_index as "index", payload
         from events join streams using (stream_id) order by event_id`,
      )
      .all()
    const streams = db.prepare<[], { stream_key: string; count: number }>('select stream_key, count from streams').all()
    stored.counts = new Map(streams.map(({ stream_key, count }) => [stream_key, count]))
    const orphans = db
      .prepare('select count(*) from events where stream_id not in (select stream_id from streams)')
      .pluck()
    if (orphans.get() !== 0) stored.damage.push(`${orphans.get()} events have no stream`)
  } catch (error) {
    stored.damage.push(String(error))
  } finally {
    db?.close()
  }
  return stored
}

export type Violation = 'damaged' | 'lost' | 'duplicate' | 'disordered' | 'never sent' | 'miscounted'

/**
 * Every acknowledged event is stored exactly once, the events of a stream lie in the order in which they were sent and
 * without a hole, nothing is stored that was never sent, and the stream's count says how many there are.
 * Sent events that were not acknowledged may be stored or not.
 */
export function judge(stored: Stored, { acked, sent }: Ledger): { violation: Violation; message: string }[] {
  const found: { violation: Violation; message: string }[] = []
  const report = (violation: Violation, message: string) => found.push({ violation, message })
  for (const message of stored.damage) report('damaged', message)

  const next = new Map<string, number>()
  const seen = new Set<string>()
  for (const { stream, index, payload } of stored.events) {
    const name = `'${stream}' event ${index}`
    if (sent.get(stream)?.[index] !== payload) report('never sent', `${name} is ${payload.slice(0, 80)}`)
    if (seen.has(name)) report('duplicate', `${name} is stored again`)
    else if (index !== (next.get(stream) ?? 0))
      report('disordered', `${name} stands where ${next.get(stream) ?? 0} belongs`)
    seen.add(name)
    next.set(stream, index + 1)
  }
  for (const [stream, count] of acked) {
    const missing = Array.from({ length: count }, (_, index) => index).filter(
      index => !seen.has(`'${stream}' event ${index}`),
    )
    if (missing.length > 0)
      report('lost', `'${stream}' lacks ${missing.length} of ${count} acknowledged events, from ${missing[0]}`)
  }
  for (const stream of new Set([...stored.counts.keys(), ...next.keys()])) {
    const [count, events] = [stored.counts.get(stream), next.get(stream) ?? 0]
    if (count !== events) report('miscounted', `'${stream}' has ${events} events and says ${count}`)
  }
  return found
}
