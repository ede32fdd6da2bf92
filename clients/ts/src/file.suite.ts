import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileSpool } from './file.ts'
import { ClientError, type Spool, type SpoolContent } from './types.ts'

/** A folder that is gone after the test. */
export function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-spool-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** An open spool, closed after the test where the test did not. */
export function openSpool(t: TestContext, folder: string): Spool & { content: SpoolContent } {
  const spool = fileSpool(folder)
  const content = spool.open() as SpoolContent
  t.after(() => spool.close())
  return { ...spool, content }
}

/** What a new spool on this folder finds. */
export function contentOf(folder: string): SpoolContent {
  const spool = fileSpool(folder)
  const content = spool.open() as SpoolContent
  const { state } = content
  const copy = { ...content, state: state && { ...state } }
  spool.close()
  return copy
}

export const linesOf = ({ entries }: SpoolContent) => entries.map(({ line }) => line)
export const segmentsOf = (folder: string) => readdirSync(folder).filter(name => name.startsWith('entries-'))
export const stateOf = (folder: string): unknown => JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8'))
export const segmentName = (entry: number) => `entries-${String(entry).padStart(20, '0')}.ndjson`

/** The error of code `spool` that `action` throws; `pattern` is about its message. */
export function spoolError(action: () => unknown, pattern: RegExp): ClientError {
  try {
    action()
  } catch (error) {
    assert.ok(error instanceof ClientError, String(error))
    assert.equal(error.code, 'spool')
    assert.match(error.message, pattern)
    return error
  }
  assert.fail('it does not throw')
}

/** Mulberry32: numbers of 0 to 1, the same for the same seed. */
export function generator(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
