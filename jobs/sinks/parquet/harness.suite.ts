import type { TestContext } from 'node:test'
import type { Files } from '../../drivers/lake/files.ts'
import type { Row } from '../../runtime/batch/build.ts'
import type { Sink, Stream } from '../../runtime/contract.ts'
import { type Watched, watched } from '../../runtime/harness/context.suite.ts'
import { batchOf, checkpoint, closedOnce, streamOf } from '../../runtime/harness/sink.suite.ts'
import { openParquet } from './open.ts'
import { parquet } from './parquet.ts'

export interface Opened {
  sink: Sink
  context: Watched
  /** begins, and publishes each list of rows as one epoch, the next ones */
  publish(...epochs: Row[][]): Promise<void>
}

export interface OpenOptions {
  context?: Watched
  /** lets steps fail */
  before?: Files['before']
}

/** A sink with a configuration as a pipeline file has it; closed at the end of the test. */
export async function openSink(
  t: TestContext,
  config: object,
  types: Readonly<Record<string, string>>,
  { context = watched({ name: 'lake' }), before }: OpenOptions = {},
): Promise<Opened> {
  const parsed = parquet.config.parse({ from: 'rows', ...config })
  const sink = closedOnce(await openParquet(parsed, streamOf(types), context, before))
  t.after(() => sink.close().catch(() => {}))
  let epoch: number | undefined
  return {
    sink,
    context,
    async publish(...epochs) {
      epoch ??= (await sink.begin())?.epoch ?? 0
      for (const rows of epochs) {
        epoch++
        if (rows.length > 0) await sink.write(batchOf(types, rows), epoch)
        await sink.commit(checkpoint(epoch))
      }
    },
  }
}

export const check = (config: object, input: Stream, context = watched()): Promise<void> =>
  parquet.check(parquet.config.parse({ from: 'rows', ...config }), input, context)

/** Rows that anyone can make again from the number of their epoch: over a few days, some without a day. */
export const epochTypes = { id: 'int64', day: 'date32', team: 'utf8', note: 'utf8' } as const
export const epochSize = 40

export function epochRows(epoch: number): Row[] {
  return Array.from({ length: epochSize }, (_, at) => {
    const id = epoch * 1000 + at
    return {
      id,
      day: at % 13 === 0 ? null : `2026-01-0${1 + ((epoch + at) % 5)}`,
      team: `team ${id % 3}`,
      note: `note ${id}`,
    }
  })
}

export const idsUpTo = (epoch: number): number[] =>
  Array.from({ length: epoch }, (_, before) => epochRows(before + 1).map(({ id }) => Number(id))).flat()
