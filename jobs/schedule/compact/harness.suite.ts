import assert from 'node:assert/strict'
import { mkdirSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { createLog, type LogRecord } from '../../../core/telemetry/event.ts'
import { literal } from '../../drivers/duckdb/duckdb.ts'
import type { Files } from '../../drivers/lake/files.ts'
import { failingStep, seenByManifest, seenByName, visible, withReader } from '../../drivers/lake/harness.suite.ts'
import { watched } from '../../runtime/harness/context.suite.ts'
import { batchOf, checkpoint, streamOf } from '../../runtime/harness/sink.suite.ts'
import { openParquet } from '../../sinks/parquet/open.ts'
import { parquet } from '../../sinks/parquet/parquet.ts'
import { type CompactOptions, compactFolder } from './compact.ts'

/** What tests of the compaction have in common. */

export function keepingLog() {
  const records: LogRecord[] = []
  return { records, log: createLog({ level: 'trace', write: record => void records.push(record) }) }
}

export async function compact(path: string, given: Partial<CompactOptions> = {}, before?: Files['before']) {
  const { log, records } = keepingLog()
  const signal = new AbortController().signal
  const result = await compactFolder({ path, target_file_size: 1 << 28, older_than: 0, signal, log, ...given }, before)
  return { ...result, warnings: records.filter(({ level }) => level === 'warn').map(({ message }) => message) }
}

const types = { id: 'int64', day: 'int64', name: 'utf8' } as const
const perEpoch = 20

/** Rows `[epoch × 20, … + 20)`, two files for each epoch: of day 0 and day 1. */
export async function openWriter(t: TestContext, path: string) {
  const config = parquet.config.parse({ from: 'rows', path, partition_by: 'day', rows_per_file: perEpoch / 2 })
  const sink = await openParquet(config, streamOf(types), watched())
  t.after(() => sink.close())
  let epoch = (await sink.begin())?.epoch ?? 0
  return async (epochs = 1): Promise<void> => {
    for (let n = 0; n < epochs; n++) {
      const ids = range(perEpoch, epoch * perEpoch)
      epoch++
      await sink.write(
        batchOf(
          types,
          ids.map(id => ({ id, day: id % 2, name: `row ${id}` })),
        ),
        epoch,
      )
      await sink.commit(checkpoint(epoch))
    }
  }
}

export const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, at) => from + at)

/** Files as another tool writes them: relative path → SELECT. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  await withReader(folder, async db => {
    for (const [path, select] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      await db.run(`copy (${select}) to ${literal(join(folder, path))} (format parquet)`)
    }
  })
}

/** Files of one column `id`. */
export const idsFrom = (from: number, count = 10): string =>
  `select i as id from range(${from}, ${from + count}) as t(i)`

/** Makes all files look an hour old. */
export function age(folder: string): void {
  const then = Date.now() / 1000 - 3600
  for (const name of visible(folder)) utimesSync(join(folder, name), then, then)
}

/** Two files for each of two days, with the ids from 0 to 39. */
export const twoDays = {
  'd=1/a.parquet': idsFrom(0),
  'd=1/b.parquet': idsFrom(10),
  'd=2/a.parquet': idsFrom(20),
  'd=2/b.parquet': idsFrom(30),
}

export interface Sweep {
  place(at: number): string
  /** relative path → SELECT */
  fill(path: string, files: Readonly<Record<string, string>>): Promise<void>
  /** what else holds once the next run has finished */
  checkAfter(path: string): Promise<void>
  /** Default 1 */
  stride?: number
}

/**
 * Fails one step after the other, `stride` apart, each in a lake of its own, until a compaction has no more of them:
 * manifests show each row once all the time, and the next run finishes. Gives the step that there was none of.
 */
export async function failEachStep({ place, fill, checkAfter, stride = 1 }: Sweep): Promise<number> {
  let hasEnded = false
  let at = 1
  for (; !hasEnded; at += stride) {
    const path = place(at)
    await fill(path, twoDays)
    const { before, state } = failingStep(at)
    await compact(path, {}, before).then(
      () => {
        hasEnded = true
      },
      error => assert.match(String(error), /a fault of the test/),
    )
    const step = state.steps.at(-1)
    assert.deepEqual(await seenByManifest(path), range(40), `after ${step}`)
    await compact(path)
    assert.deepEqual(await seenByName(path), range(40), `after ${step}`)
    assert.deepEqual(await seenByManifest(path), range(40), `after ${step}`)
    await checkAfter(path)
  }
  return at
}
