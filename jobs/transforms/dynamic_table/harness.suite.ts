import type { TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { NodeContext, OpenTable, TableInput } from '../../runtime/contract.ts'
import { quietContext, retrying } from '../../runtime/harness/context.suite.ts'
import { dynamicTable } from './dynamic_table.ts'

/** What the tests of this room have in common. */

/** `tries`: how often a try that failed is made again. */
export const contextOf = (tries = 0): NodeContext =>
  quietContext({ name: 'seen', retry: retrying({ tries, pause: setImmediate }) })

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
