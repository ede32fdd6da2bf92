import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import type { DeadRow, NodeContext, Position, Source, SourceReader, SourceRows } from '../../runtime/contract.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { batchesOf, type Row, rowsIn, stored } from '../../runtime/harness/source.suite.ts'
import { type Settings, settingsSchema } from '../../settings.ts'
import { config, file } from './file.ts'

/** What the tests of this room stand on. */

export interface Heard {
  dead: DeadRow[]
  warnings: string[]
  counts: Record<string, number>
}

export interface OpenOptions {
  settings?: Partial<Settings>
  jobMode?: boolean
}

/** A context that keeps what a node says. */
export function contextOf(
  t: TestContext,
  { settings = {}, jobMode = false }: OpenOptions = {},
): { context: NodeContext; heard: Heard; abort(): void } {
  const heard: Heard = { dead: [], warnings: [], counts: {} }
  const ending = new AbortController()
  t.after(() => ending.abort())
  const context: NodeContext = {
    pipeline: 'test/files',
    name: 'files',
    settings: { ...settingsSchema.parse({}), ...settings },
    jobMode,
    signal: ending.signal,
    log: { debug() {}, info() {}, warn: message => void heard.warnings.push(message) },
    metrics: {
      count: (name, value) => {
        heard.counts[name] = (heard.counts[name] ?? 0) + value
      },
      gauge() {},
      latency() {},
    },
    retry: (_, attempt) => attempt(),
    dead: row => void heard.dead.push(row),
    dropped() {},
    stop() {},
  }
  return { context, heard, abort: () => ending.abort() }
}

/** Opens a `file` source for one test. */
export async function openFor(
  t: TestContext,
  keys: Record<string, unknown>,
  options: OpenOptions = {},
): Promise<{ source: Source; heard: Heard; abort(): void }> {
  const { context, heard, abort } = contextOf(t, options)
  const source = await file.open(config.parse(keys), context)
  t.after(() => source.close())
  return { source, heard, abort }
}

/** Without `_gs_op`. */
export const plain = (rows: readonly Row[]): Row[] => rows.map(({ _gs_op: _, ...row }) => row)

/** All rows of a bounded read of `path`. */
export async function readAll(
  t: TestContext,
  keys: Record<string, unknown>,
  options: OpenOptions = {},
): Promise<{ rows: Row[]; batches: SourceRows[]; heard: Heard; source: Source }> {
  const { source, heard } = await openFor(t, { mode: { type: 'bounded' }, ...keys }, options)
  const batches = await batchesOf(source, await source.start())
  return { rows: rowsIn(batches), batches, heard, source }
}

/** Rows until there are `count` of them. */
export async function take(reader: SourceReader, count: number): Promise<{ rows: Row[]; position: Position }> {
  const rows: Row[] = []
  for (;;) {
    const next = await reader.next()
    assert.ok(next, 'a continuous source does not end')
    rows.push(...rowsIn([next]))
    if (rows.length >= count) return { rows, position: stored(next.position) }
  }
}

/** A folder of files `NAME` with one row `{"file": NAME}` each. */
export function folderOf(t: TestContext, names: readonly string[]): string {
  const folder = tempFolder(t)
  for (const name of names) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), `{"file":${JSON.stringify(name)}}\n`)
  }
  return folder
}
