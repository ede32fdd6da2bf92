import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'

/**
 * What a producer knows for certain, in a file that only grows, so that SIGKILL at any moment leaves no doubt. Records of
 * eight bytes, each written with one write(2):
 *
 *   0000042    written before event 42 is given to `send`. Events come in order, so that it says as well: all before it
 *              were taken. Where the process then dies, of 42 alone nobody knows whether it was taken
 *   certain    the event before was taken; otherwise that is said by the next one
 *   restart    a new process goes on with the number after the last one: an event of unknown outcome is never sent again
 *   flushed    all is acknowledged, and the client closed
 *
 * Eight bytes never lie across two pages, where a signal could cut a write in two.
 */
export const recordBytes = 8
export const marks = { certain: 'certain', restart: 'restart', flushed: 'flushed' } as const

export interface LedgerWriter {
  /** the event to begin with */
  next: number
  trying(n: number): void
  mark(mark: keyof typeof marks): void
  close(): void
}

export function openLedger(file: string): LedgerWriter {
  const before = existsSync(file) ? readLedger(file) : { entries: [], flushed: false }
  const fd = openSync(file, 'a', 0o600)
  const write = (text: string) => {
    if (writeSync(fd, `${text}\n`) !== recordBytes) throw new Error(`the ledger ${file} took a part of '${text}'`)
  }
  const last = before.entries.at(-1)
  if (last !== undefined) write(marks.restart)
  return {
    next: last === undefined ? 0 : last.n + 1,
    trying: n => write(String(n).padStart(recordBytes - 1, '0')),
    mark: mark => write(marks[mark]),
    close: () => closeSync(fd),
  }
}

export interface LedgerEntry {
  n: number
  /** `send` took it; else nobody knows */
  taken: boolean
}

export function readLedger(file: string): { entries: LedgerEntry[]; flushed: boolean } {
  const text = readFileSync(file, 'latin1')
  if (text.length % recordBytes !== 0) throw new Error(`the ledger ${file} ends in half a record`)
  const entries: LedgerEntry[] = []
  let flushed = false
  let last: LedgerEntry | undefined
  for (let at = 0; at < text.length; at += recordBytes) {
    const record = text.slice(at, at + recordBytes - 1)
    if (record === marks.restart) last = undefined
    else if (last !== undefined) last.taken = true
    // and nothing behind it
    flushed = record === marks.flushed
    if (!/^\d{7}$/.test(record)) continue
    last = { n: Number(record), taken: false }
    entries.push(last)
  }
  return { entries, flushed }
}
