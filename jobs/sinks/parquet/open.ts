import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { openDuckDb } from '../../drivers/duckdb/instance.ts'
import { createFiles, type Files } from '../../drivers/lake/files.ts'
import { ownFolder, writerName } from '../../drivers/lake/layout.ts'
import { spillName } from '../../drivers/lake/publish.ts'
import type { NodeContext, Sink, Stream } from '../../runtime/contract.ts'
import { layoutOf, rootOf } from './check.ts'
import type { ParquetConfig } from './parquet.ts'
import { createSink } from './sink.ts'

/** `files`: of a test that lets steps fail. */
export async function openParquet(
  config: ParquetConfig,
  input: Stream,
  context: NodeContext,
  files: Files = createFiles(),
): Promise<Sink> {
  const root = rootOf(config)
  const layout = layoutOf(config, input.schema)
  const folder = join(root, ownFolder, writerName(context.pipeline, context.name))
  await context.retry(`make folder ${folder}`, () => files.makeFolder(folder))
  const spill = spillName()
  const db = await openDuckDb({
    memory: `${config.memory}B`,
    temporary: join(folder, spill),
    threads: Math.min(2, availableParallelism()),
    allow: [folder],
    integerDivision: true,
  })
  // a file is mostly the work of one thread
  const sessions = [db, await db.session()] as const
  return createSink({ config, layout, sessions, place: { root, folder, files }, spill, context })
}
