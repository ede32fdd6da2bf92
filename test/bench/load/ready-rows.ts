/**
 * A plugin with rows that cost nothing to read, so that what is behind them can be measured: source `ready_rows`. All
 * batches share the columns of the first but for `id`, which counts.
 */
import {
  arrow,
  batchOf,
  batchOfRows,
  definePlugin,
  type Json,
  PipelineError,
  type Source,
  typeOf,
  withOp,
  z,
} from 'millrace/plugin'
import { readyRow } from './ready-row.ts'

const config = z.strictObject({
  rows: z.int().min(1).describe('rows in all'),
  batch_rows: z.int().min(1).default(65_536).describe('rows of a batch'),
  keys: z.int().min(0).default(0).describe('so many different ids, again and again; 0: the ids of the first batch'),
})
type Config = z.infer<typeof config>

const schema = withOp(
  new arrow.Schema(
    [
      ['id', 'int64'],
      ['customer', 'utf8'],
      ['country', 'utf8'],
      ['amount', 'float64'],
      ['ordered_at', 'timestamp(us, UTC)'],
      ['detail', 'utf8'],
    ].map(([name, type]) => new arrow.Field(name!, typeOf(type!), true)),
  ),
)

function openReady({ rows, batch_rows, keys }: Config, say: (message: string) => void): Source {
  const { batch: first, refused } = batchOfRows(
    schema,
    Array.from({ length: Math.min(batch_rows, rows) }, (_, at) => readyRow(at)),
  )
  if (first === undefined) throw new PipelineError('internal', `no rows could be made: ${refused[0]?.message}`)

  function batchAt(from: number): arrow.RecordBatch {
    const length = Math.min(batch_rows, rows - from)
    const { children } = first!.data
    const columns = length === first!.numRows ? [...children] : children.map(child => child.slice(0, length))
    if (keys > 0) {
      const ids = new BigInt64Array(length)
      for (let row = 0; row < length; row++) ids[row] = BigInt((from + row) % keys)
      columns[0] = arrow.makeData({ type: new arrow.Int64(), length, nullCount: 0, data: ids })
    }
    return batchOf(schema, columns, length)
  }

  const whole = batchAt(0)
  const rowsOf = (position: Readonly<Record<string, Json>>) => Number(position.rows ?? 0)
  return {
    schema,
    primaryKey: ['id'],
    bounded: true,
    start: async () => ({ rows: 0 }),
    read(start, to) {
      let at = rowsOf(start)
      const end = to === undefined ? rows : rowsOf(to)
      if (at === 0) say('ready rows begin')
      return {
        async next() {
          if (at >= end) return undefined
          const batch = keys === 0 && end - at >= batch_rows ? whole : batchAt(at)
          at += batch.numRows
          return { batch, position: { rows: at } }
        },
        async close() {},
      }
    },
    async close() {},
  }
}

export default definePlugin({
  sources: {
    ready_rows: { config, open: async (options: Config, context) => openReady(options, context.log.info) },
  },
})
