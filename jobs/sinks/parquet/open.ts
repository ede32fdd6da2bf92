import { availableParallelism } from 'node:os'
import { openDuckDb } from '../../drivers/duckdb/instance.ts'
import type { Files } from '../../drivers/lake/files.ts'
import { below, ownFolder, writerName } from '../../drivers/lake/layout.ts'
import { openLake } from '../../drivers/lake/open.ts'
import { spillName } from '../../drivers/lake/publish.ts'
import type { NodeContext, Sink, Stream } from '../../runtime/contract.ts'
import { layoutOf } from './check.ts'
import type { ParquetConfig } from './parquet.ts'
import { createSink } from './sink.ts'

/** `before`: of a test that lets steps fail. */
export async function openParquet(
  config: ParquetConfig,
  input: Stream,
  context: NodeContext,
  before?: Files['before'],
): Promise<Sink> {
  const layout = layoutOf(config, input.schema)
  const lake = await openLake(config.path, {
    s3: context.settings.s3,
    // what is left to do when the attempt is over is tried once
    retry: (what, attempt) => (context.signal.aborted ? attempt() : context.retry(what, attempt)),
    before,
  })
  try {
    const { root, files } = lake
    const folder = below(root, ownFolder, writerName(context.pipeline, context.name))
    await context.retry(`make folder ${folder}`, () => files.makeFolder(folder))
    const spill = spillName()
    const db = await openDuckDb({
      memory: `${config.memory}B`,
      threads: Math.min(2, availableParallelism()),
      integerDivision: true,
      ...lake.workplace(folder, spill),
    })
    // a file is mostly the work of one thread
    const sessions = [db, await db.session()] as const
    const sink = createSink({ config, layout, sessions, place: { root, folder, files }, spill, context })
    return { ...sink, close: () => sink.close().finally(() => lake.close()) }
  } catch (error) {
    await lake.close()
    throw error
  }
}
