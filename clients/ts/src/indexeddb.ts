import { type Chunk, type Database, openDatabase, type SlotRecord } from './indexeddb-database.ts'
import { fault } from './indexeddb-fault.ts'
import { takeSlot } from './indexeddb-slot.ts'
import type { ClientError, Spool, SpoolContent, SpoolState } from './types.ts'

/** Characters in one record: what is settled goes record by record. */
const chunkSize = 256 * 1024
/** how long what is settled may wait for a transaction of its own, milliseconds */
const settleMs = 200

/**
 * A spool in the browser's IndexedDB. Pages that use the same name at the same time have a part each; that of a page that
 * is gone goes to the next one that starts. `append` returns before the browser has written: what came in the last
 * milliseconds before a crash may be missing. Where the browser does not write (quota) `append` returns false until it
 * does again. Needs Web Locks: https, or localhost.
 */
export function indexedDbSpool(name = 'millrace'): Spool {
  let database: Database | undefined
  let release = () => {}
  let record: SlotRecord = { slot: 0, state: undefined, drops: [] }
  let next = 0
  /** appended and not written yet; the first `sealed` of them do not grow any more */
  let chunks: Chunk[] = []
  let sealed = 0
  let size = 0
  let isChanged = false
  let writing: Promise<void> | undefined
  let failure: ClientError | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let isLost = false

  async function open(): Promise<SpoolContent> {
    requireStorage(name)
    database = await openDatabase(name, () => {
      isLost = true
      failure = fault(name, 'the browser has taken it away', 'load the page again')
    })
    try {
      const taken = await takeSlot(name, await database.slots())
      release = taken.release
      const found = await database.read(taken.slot)
      record = found.record
      const { state, drops } = record
      const entries = entriesOf(name, found.chunks, state?.entry ?? 0)
      next = (entries.at(-1)?.entry ?? (state?.entry ?? 0) - 1) + 1
      const isDropped = (entry: number) => drops.some(([from, to]) => entry >= from && entry < to)
      return { state: state && { ...state }, entries: entries.filter(({ entry }) => !isDropped(entry)), next }
    } catch (error) {
      database.close()
      release()
      throw error
    }
  }

  async function begin(state: SpoolState): Promise<void> {
    record.state = { ...state }
    if (!isLost) failure = undefined
    isChanged = true
    while (isChanged && failure === undefined) await write()
    if (failure !== undefined) throw failure
  }

  function append(line: string): boolean {
    if (database === undefined) return false
    if (failure !== undefined) {
      later()
      return false
    }
    if (chunks.length === sealed || size >= chunkSize) {
      chunks.push({ slot: record.slot, entry: next, lines: [] })
      size = 0
    }
    chunks[chunks.length - 1]!.lines.push(line)
    size += line.length
    next++
    soon()
    return true
  }

  function drop(entry: number, count: number): void {
    const last = record.drops[record.drops.length - 1]
    if (last?.[1] === entry) last[1] += count
    else record.drops.push([entry, entry + count])
    soon()
  }

  /** Late is no harm: after a crash the count of the gateway tells what is settled. */
  function settle(entry: number, position: number): void {
    if (record.state === undefined) return
    record.state.entry = entry
    record.state.position = position
    later()
  }

  function later(): void {
    timer ??= setTimeout(soon, settleMs)
  }

  function soon(): void {
    isChanged = true
    void write()
  }

  /** One transaction at a time: no later one may succeed where an earlier one failed. Never rejects. */
  function write(): Promise<void> {
    writing ??= writeAll()
    return writing
  }

  async function writeAll(): Promise<void> {
    // with all that comes in the same turn
    await undefined
    while (isChanged && database !== undefined && !isLost) {
      isChanged = false
      clearTimeout(timer)
      timer = undefined
      const settled = record.state?.entry ?? 0
      record.drops = record.drops.filter(([, to]) => to > settled)
      chunks = chunks.filter(({ entry, lines }) => entry + lines.length > settled)
      sealed = chunks.length
      try {
        await database.write(chunks.slice(0, sealed), record)
        chunks.splice(0, sealed)
        sealed = 0
        failure = undefined
      } catch (error) {
        failure = error as ClientError
      }
    }
    writing = undefined
  }

  async function close(): Promise<void> {
    isChanged = true
    await write()
    clearTimeout(timer)
    database?.close()
    database = undefined
    release()
  }

  return { open, begin, append, drop, settle, close }
}

/** Says what is missing, and what it takes. */
function requireStorage(name: string): void {
  if (globalThis.indexedDB === undefined)
    throw fault(name, 'there is no IndexedDB here', 'without `spool` events are kept in memory only')
  if (globalThis.navigator?.locks === undefined)
    throw fault(
      name,
      'there are no Web Locks here',
      'serve the page over https or from localhost, or leave `spool` out',
    )
}

function entriesOf(name: string, chunks: readonly Chunk[], from: number): { entry: number; line: string }[] {
  let next = from
  return chunks.flatMap(({ entry, lines }) => {
    if (entry > next) throw fault(name, `entries ${next} to ${entry - 1} are missing`, 'use another name')
    next = Math.max(next, entry + lines.length)
    return lines.map((line, index) => ({ entry: entry + index, line })).slice(Math.max(0, from - entry))
  })
}
