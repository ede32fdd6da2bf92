import { done, failed } from './indexeddb-fault.ts'
import type { SpoolState } from './types.ts'

/** Consecutive entries; `entry` is the number of the first. */
export interface Chunk {
  slot: number
  entry: number
  lines: string[]
}

/** What is not entries, of one slot. `drops`: entries without a position, from the first to before the second. */
export interface SlotRecord {
  slot: number
  state: SpoolState | undefined
  drops: [from: number, to: number][]
}

export type Database = Awaited<ReturnType<typeof openDatabase>>

const version = 1

/** `lost` is called where the browser takes the database away. */
export async function openDatabase(name: string, lost: () => void) {
  const request = indexedDB.open(name, version)
  request.onupgradeneeded = () => {
    request.result.createObjectStore('chunks', { keyPath: ['slot', 'entry'] })
    request.result.createObjectStore('slots', { keyPath: 'slot' })
  }
  const db = await done(name, 'open it', request)
  db.onclose = lost
  db.onversionchange = () => {
    // somebody deletes it, and waits for us
    db.close()
    lost()
  }

  const below = (slot: number, entry: number) => IDBKeyRange.bound([slot], [slot, entry], false, true)

  /** Those with entries come first. */
  async function slots(): Promise<number[]> {
    const t = db.transaction(['chunks', 'slots'])
    const [keys, all] = await Promise.all([
      done(name, 'read it', t.objectStore('chunks').getAllKeys()),
      done(name, 'read it', t.objectStore('slots').getAllKeys()),
    ])
    const waiting = (keys as [slot: number, entry: number][]).map(([slot]) => slot)
    return [...new Set([...waiting, ...(all as number[])])]
  }

  async function read(slot: number): Promise<{ chunks: Chunk[]; record: SlotRecord }> {
    const t = db.transaction(['chunks', 'slots'])
    const [record, chunks] = await Promise.all([
      done<SlotRecord | undefined>(name, 'read it', t.objectStore('slots').get(slot)),
      done<Chunk[]>(name, 'read it', t.objectStore('chunks').getAll(below(slot, Number.POSITIVE_INFINITY))),
    ])
    return { chunks, record: record ?? { slot, state: undefined, drops: [] } }
  }

  /** Resolves once it is kept, all of it or nothing. What is settled by the record goes. */
  function write(chunks: readonly Chunk[], record: SlotRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      const t = db.transaction(['chunks', 'slots'], 'readwrite', { durability: 'relaxed' })
      t.oncomplete = () => resolve()
      t.onabort = () => reject(failed(name, 'write it', t.error))
      t.objectStore('slots').put(record)
      const all = t.objectStore('chunks')
      for (const chunk of chunks) all.put(chunk)
      const entry = record.state?.entry ?? 0
      // what is before the last chunk that begins below is settled whole; that one may be too
      all.openCursor(below(record.slot, entry), 'prev').onsuccess = event => {
        const cursor = (event.target as IDBRequest<IDBCursorWithValue | null>).result
        if (cursor === null) return
        const last = cursor.value as Chunk
        if (last.entry + last.lines.length <= entry) cursor.delete()
        all.delete(below(record.slot, last.entry))
      }
    })
  }

  return { slots, read, write, close: () => db.close() }
}
