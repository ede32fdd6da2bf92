/** How long this disk takes for one durable commit of one row. */
import { eventText, seeded } from '../load/events.ts'
import { answer, workerConfig } from '../load/worker.ts'
import { insertEvent, openReference } from './sqlite.ts'

export interface SqliteCommitConfig {
  dir: string
  commits: number
}

export interface SqliteCommitResult {
  /** median, milliseconds */
  milliseconds: number
}

function sqliteCommit({ dir, commits }: SqliteCommitConfig): SqliteCommitResult {
  const db = openReference(dir)
  const insert = db.prepare(insertEvent)
  const random = seeded(1)
  const times = Array.from({ length: commits }, (_, index) => {
    const payload = eventText(index % 1000, random)
    const from = performance.now()
    insert.run(1, index, Date.now() * 1000, payload)
    return performance.now() - from
  })
  db.close()
  return { milliseconds: times.sort((a, b) => a - b)[commits >> 1]! }
}

if (import.meta.main) await answer(async () => sqliteCommit(workerConfig()))
