import { busyMs, type Db } from './database.ts'

/** Room for less than this proves little. */
const leastBytes = 64 * 1024
/** What groups usually have at most; for a larger one this must be proof enough. */
const mostBytes = 4 * 1024 * 1024
/** Pages: beyond so few of them a transaction writes to the log before its commit. */
const smallCache = 8

/**
 * Throws if rows of `bytes` in all could not be stored now, be it for a lock. They are written to the log, where they
 * take their space, and taken back; then a page goes through a commit, which is synced.
 */
export function probe(db: Db, bytes: number): void {
  const size = Math.min(Math.max(bytes, leastBytes), mostBytes)
  const cache = db.pragma('cache_size', { simple: true })
  db.pragma(`cache_size = ${smallCache}`)
  db.pragma('busy_timeout = 0')
  try {
    db.exec('begin immediate')
    // ids that no other row has; none of it is ever committed
    db.exec(`insert into streams (stream_id, stream_key, transport, headers, remote_addr, opened_at, last_at)
             values (-1, char(1) || 'probe', '', '', '', 0, 0)`)
    db.exec("insert into events (stream_id, stream_index, received_at, payload) values (-1, 0, 0, '0')")
    db.prepare(
      `insert into dead_letters (stream_id, stream_index, received_at, code, message, size, raw)
       values (-1, 0, 0, '', '', 0, zeroblob(?))`,
    ).run(size)
    db.exec('rollback')
    db.pragma(`user_version = ${db.pragma('user_version', { simple: true })}`)
  } finally {
    if (db.inTransaction) db.exec('rollback')
    db.pragma(`cache_size = ${cache}`)
    db.pragma(`busy_timeout = ${busyMs}`)
  }
}
