import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import Database from 'better-sqlite3'
import type { AppError } from '../../../core/errors.ts'
import type { AppendOutcome, Store } from '../store.ts'
import { openSqlite, type SqliteOptions } from './sqlite.ts'

/** What tests of the store's failures have in common. */

const endings = new WeakMap<TestContext, (() => unknown)[]>()

/** Runs `work` when the test ends, what was asked for last first: a store is closed before its disk is unmounted. */
export function atEnd(t: TestContext, work: () => unknown): void {
  const known = endings.get(t)
  if (known !== undefined) {
    known.unshift(work)
    return
  }
  const all = [work]
  endings.set(t, all)
  t.after(async () => {
    for (const end of all) await end()
  })
}

export function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-'))
  atEnd(t, () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A store that is closed with the test; `close` may have been called before. */
export async function openFor(t: TestContext, path: string, options: Partial<SqliteOptions> = {}): Promise<Store> {
  const store = await openSqlite({ path, ...options })
  atEnd(t, () => store.close().catch(() => {}))
  return store
}

/** Waits for something that is to happen by itself; fails where it does not for far too long. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> {
  const deadline = performance.now() + ms
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, `${what}: not within ${ms} ms`)
    await delay(20)
  }
}

export function stored(outcome: AppendOutcome): Extract<AppendOutcome, { ok: true }> {
  assert.ok(outcome.ok, JSON.stringify(outcome))
  return outcome
}

/** The payloads of a closed (or running) store by stream key, once SQLite and the counts of the streams agree to them. */
export function contents(path: string): Record<string, string[]> {
  const db = new Database(path, { fileMustExist: true })
  try {
    assert.deepEqual(db.pragma('integrity_check'), [{ integrity_check: 'ok' }])
    const found: Record<string, string[]> = {}
    const streams = db.prepare('select stream_id as id, stream_key as key, count from streams order by stream_id').all()
    const rows = db.prepare('select stream_index, payload from events where stream_id = ? order by stream_index')
    const letters = db.prepare('select count(*) from dead_letters where stream_id = ?').pluck()
    for (const { id, key, count } of streams as { id: number; key: string; count: number }[]) {
      const events = rows.all(id) as { stream_index: number; payload: string }[]
      const dead = letters.get(id) as number
      assert.equal(events.length + dead, count, `the count of stream ${key}`)
      if (dead === 0) assert.ok(events.every((event, index) => event.stream_index === index, `positions of ${key}`))
      found[key] = events.map(event => event.payload)
    }
    return found
  } finally {
    db.close()
  }
}

/** The code of the AppError that `work` fails with; an error of another kind is a bug. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => assert.fail('this was to fail'),
    (error: AppError) => error,
  )
  assert.equal(error.name, 'AppError', String(error))
  return error.code
}

/** `count` payloads of `bytes` bytes each that all differ. */
export function payloads(count: number, bytes = 20, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => `"${String(from + i).padStart(bytes - 2, '.')}"`)
}
