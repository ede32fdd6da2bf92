import { common, compare, defineBenchmark, note, type Report, toLine } from './harness/benchmark.ts'
import { busySeconds, discarded, readyRows, runPipelineFile } from './harness/pipeline.ts'
import { startWorker } from './harness/processes.ts'
import type { Workdir } from './harness/workdir.ts'
import type { HttpServiceCounts } from './load/http-service.ts'

/** requests at once, and rows of one: `external_http_handler.buffer_size` and `trigger_max_count` */
const concurrency = 25
const requestRows = 2000

export const benchmark = defineBenchmark({
  about: 'rows/s of a handler transform ÷ as many as its requests at once could carry at that latency',
  options: { rounds: common.rounds, latency: 10, rows: 300_000, 'single-rows': 20_000 },
  async run({ rounds, latency, rows, 'single-rows': singleRows }, workdir) {
    const shapes = {
      batches: { rows, single: false },
      'one row a request': { rows: singleRows, single: true },
    }
    const reports: Report[] = []
    for (const [name, shape] of Object.entries(shapes)) {
      const ideal = ((concurrency * 1000) / latency) * (shape.single ? 1 : requestRows)
      const ours: Awaited<ReturnType<typeof measure>>[] = []
      for (let round = 0; round < rounds; round++) {
        ours.push(await measure(workdir, latency, shape.rows, shape.single))
        note(`${name}, round ${round + 1}: ${toLine(ours.at(-1)!)}`)
      }
      reports.push(
        compare({
          bench: `pipeline handler, ${name}`,
          unit: 'rows/s',
          ours: ours.map(one => one.rowsPerSecond),
          reference: [ideal],
          detail: {
            latency_ms: latency,
            requests_at_once: concurrency,
            rows: shape.rows,
            requests_per_second: ours.map(one => one.requestsPerSecond),
          },
        }),
      )
    }
    return reports
  },
})

async function measure(workdir: Workdir, latency: number, rows: number, single: boolean) {
  const service = startWorker('load/http-service.ts', { latency, echo: true })
  const { port } = await service.message<{ port: number }>()
  const url = `http://127.0.0.1:${port}/enrich`
  const run = await runPipelineFile({
    dir: workdir.fresh(),
    pipeline: {
      sources: { ready: { type: 'ready_rows', rows } },
      transforms: { enriched: { type: 'handler', from: 'ready', url, one_row_per_request: single, primary_key: 'id' } },
      sinks: { out: { type: 'blackhole', from: 'enriched' } },
    },
    settings: readyRows,
  })
  service.send({})
  const counts = await service.message<HttpServiceCounts>()
  await service.stop()
  if (discarded(run) !== rows || counts.rows !== rows)
    throw new Error(`${rows} rows were ready, the service saw ${counts.rows}, and ${discarded(run)} came out`)
  const seconds = busySeconds(run)
  return { rowsPerSecond: rows / seconds, requestsPerSecond: counts.requests / seconds }
}
