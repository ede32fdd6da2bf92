import { join } from 'node:path'
import Database from 'better-sqlite3'

/** A row as text, by the id of its event. */
export type Rows = ReadonlyMap<number, string>

/** What the pipelines have to make of a store; computed by SQLite from the events alone. */
const expected = `
  select event_id, stream_key as lane, stream_index as place, payload ->> 'n' as n,
    length(payload ->> 'pad') as pad, (payload ->> 'n') % 5 as part
  from store.events join store.streams using (stream_id)`

const columns = ['lane', 'place', 'n', 'pad', 'part'] as const

export const textOf = (row: Readonly<Record<string, unknown>>): string =>
  columns.map(name => String(row[name])).join(' ')

/** The rows that have to come out, one for each event of the store in `dir`. */
export function expectedRows(dir: string): Rows {
  return withStore(dir, undefined, db => {
    const rows = db.prepare<[], Record<string, unknown>>(expected).iterate()
    return new Map(Array.from(rows, row => [Number(row.event_id), textOf(row)]))
  })
}

/** Each event once, as it has to be, and nothing else: what is wrong with `found`, in a sentence per kind of mistake. */
export function compare(what: string, wanted: Rows, found: Iterable<readonly [id: number, text: string]>): string[] {
  const seen = new Set<number>()
  const twice: number[] = []
  const others: string[] = []
  for (const [id, text] of found) {
    if (wanted.get(id) !== text) others.push(`${id} (${text} instead of ${wanted.get(id) ?? 'nothing'})`)
    if (seen.has(id)) twice.push(id)
    seen.add(id)
  }
  const missing = [...wanted.keys()].filter(id => !seen.has(id))
  const say = (list: readonly unknown[], kind: string) =>
    list.length === 0 ? [] : [`${what}: ${list.length} events ${kind}: ${list.slice(0, 5).join(', ')}`]
  return [...say(missing, 'are missing'), ...say(twice, 'are there twice'), ...say(others, 'are not what was sent')]
}

/** The tables of `out.db` against the store: all rows, the newest of each group, and the totals of each group. */
export function judgeTables(dir: string): string[] {
  return withStore(dir, 'out.db', db => {
    const violations: string[] = []
    const check = db.pragma('main.integrity_check', { simple: true })
    if (check !== 'ok') violations.push(`integrity_check: ${String(check)}`)

    const rows = db.prepare<[], Record<string, unknown>>('select * from rows').iterate()
    const found = Array.from(rows, row => [Number(row.event_id), textOf(row)] as const)
    violations.push(...compare('table rows', expectedRows(dir), found))
    violations.push(
      ...differences(
        db,
        'newest',
        'select event_id, lane, place, n, pad, part from newest',
        `select max(event_id), lane, place, n, pad, part from (${expected}) group by lane, part`,
      ),
      ...differences(
        db,
        'totals',
        'select lane, part, events, total, least, most from totals',
        `select lane, part, count(*), sum(n), min(n), max(n) from (${expected}) group by lane, part`,
      ),
    )
    return violations
  })
}

function differences(db: Database.Database, table: string, found: string, wanted: string): string[] {
  const all = (sql: string) =>
    db
      .prepare(`select * from (${sql}) order by lane, part`)
      .raw()
      .all()
      .map(row => (row as unknown[]).join(' '))
  const [is, shall] = [all(found), all(wanted)]
  const other = shall.findIndex((row, at) => row !== is[at])
  if (other >= 0) return [`table ${table}: ${is[other] ?? 'nothing'} instead of ${shall[other]}`]
  return is.length === shall.length ? [] : [`table ${table}: ${is.length} rows instead of ${shall.length}`]
}

function withStore<T>(dir: string, file: string | undefined, work: (db: Database.Database) => T): T {
  const db = new Database(file === undefined ? ':memory:' : join(dir, file))
  try {
    db.prepare('attach ? as store').run(join(dir, 'events.db'))
    return work(db)
  } finally {
    db.close()
  }
}
