import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { defineBenchmark } from './harness/benchmark.ts'
import { filesOf } from './harness/lake.ts'
import { compareMemory } from './harness/memory.ts'
import { runPipelineFile } from './harness/pipeline.ts'
import { runWorker } from './harness/processes.ts'
import { openWorkdir } from './harness/workdir.ts'
import { ordersPipeline } from './load/orders.ts'

/** rows of a file that the backfill reads */
const fileRows = 1_000_000

export const benchmark = defineBenchmark({
  about: 'memory of a backfill, Parquet → sql → Parquet: its last third ÷ its middle third',
  options: { rows: 10_000_000 },
  async run({ rows }, workdir) {
    const orders = join(openWorkdir().fresh(), 'orders')
    mkdirSync(orders)
    const nameOf = (file: number) => join(orders, `${String(file).padStart(4, '0')}.parquet`)
    await runWorker('load/order-files.ts', { rows: Math.min(rows, fileRows), parquet: nameOf(0) })
    const files = Math.max(1, Math.round(rows / fileRows))
    for (let file = 1; file < files; file++) copyFileSync(nameOf(0), nameOf(file))

    const dir = workdir.fresh()
    const lake = join(dir, 'lake')
    const run = await runPipelineFile({
      dir,
      pipeline: ordersPipeline(orders, { type: 'parquet', path: lake, partition_by: ['country'] }),
    })
    return [compareMemory('pipeline memory', files * Math.min(rows, fileRows), run, { written: filesOf(lake) })]
  },
})
