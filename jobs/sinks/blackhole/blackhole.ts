import * as z from 'zod'
import { defineSink } from '../../runtime/define.ts'
import { sinkKeys } from '../../runtime/keys.ts'

export const config = z.strictObject(sinkKeys)

/** Takes rows and keeps none: to measure a pipeline, or to run it for its side effects. */
export const blackhole = defineSink<z.infer<typeof config>>({
  type: 'blackhole',
  config,
  guarantee: 'at_least_once',
  async check() {},
  async open(_, __, { log, metrics }) {
    let rows = 0
    return {
      begin: async () => undefined,
      async write(batch) {
        rows += batch.numRows
        metrics.count('discarded_rows', batch.numRows)
      },
      async commit() {},
      async reset() {},
      async close() {
        log.info(`${rows} rows were discarded`)
      },
    }
  },
})
