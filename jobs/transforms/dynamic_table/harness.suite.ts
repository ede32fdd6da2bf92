import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { NodeContext, OpenTable, TableInput } from '../../runtime/contract.ts'
import { PipelineError, toPipelineError } from '../../runtime/errors.ts'
import { settingsSchema } from '../../settings.ts'
import { dynamicTable } from './dynamic_table.ts'

/** What the tests of this room have in common. */

export function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-tables-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** `tries`: how often a try that failed is made again. */
export function contextOf(tries = 0): NodeContext {
  return {
    pipeline: 'test/pipeline',
    name: 'seen',
    settings: settingsSchema.parse({}),
    jobMode: false,
    signal: new AbortController().signal,
    log: { debug() {}, info() {}, warn() {} },
    metrics: { count() {}, gauge() {}, latency() {} },
    async retry(_, attempt) {
      for (let left = tries; ; left--) {
        try {
          return await attempt()
        } catch (error) {
          const known = toPipelineError(error)
          if (!known.retryable || left === 0) throw known
        }
        await new Promise(resolve => setImmediate(resolve))
      }
    },
    dead(row) {
      throw new Error(`a dead letter: ${row.message}`)
    },
    dropped() {},
    stop() {},
  }
}

export const sqliteConfig = (path: string, more: Record<string, unknown> = {}) =>
  dynamicTable.config.parse({ backend_type: 'Sqlite', backend_entity_name: 'seen', path, ...more })

export async function openFor(
  t: TestContext,
  config: ReturnType<typeof sqliteConfig>,
  { input, tries }: { input?: TableInput; tries?: number } = {},
): Promise<OpenTable> {
  const opened = await dynamicTable.open(config, input, contextOf(tries))
  t.after(async () => {
    await opened.fill?.close()
    await opened.table.close()
  })
  return opened
}

/** The error that `work` ends with; one of another kind is a bug. */
export async function errorOf(work: Promise<unknown>): Promise<PipelineError> {
  const error = await work.then(
    () => new Error('this was to fail'),
    error => error,
  )
  if (!(error instanceof PipelineError)) throw error
  return error
}
