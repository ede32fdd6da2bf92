import type { TestContext } from 'node:test'
import { contextFor, type Given } from '../../drivers/clickhouse/harness.suite.ts'
import type { Server } from '../../drivers/clickhouse/keys.ts'
import type { Sink, Stream } from '../../runtime/contract.ts'
import type { Watched } from '../../runtime/harness/context.suite.ts'
import { closedOnce } from '../../runtime/harness/sink.suite.ts'
import { clickhouse } from './clickhouse.ts'

export interface Opened {
  sink: Sink
  context: Watched
}

/** A sink with a configuration as a pipeline file has it; closed at the end of the test. */
export async function openSink(
  t: TestContext,
  server: Server,
  config: object,
  input: Stream,
  given: Given & { context?: Watched } = {},
): Promise<Opened> {
  const context = given.context ?? contextFor(server, given)
  const sink = closedOnce(await clickhouse.open(clickhouse.config.parse({ from: 'rows', ...config }), input, context))
  t.after(() => sink.close())
  return { sink, context }
}
