import { common, compare, defineBenchmark } from './harness/benchmark.ts'
import { measureGateway, measureServer } from './harness/measure.ts'
import { alternate } from './harness/rounds.ts'
import type { PostClosedResult } from './load/post-closed.ts'

const generator = 'load/post-closed.ts'

export const benchmark = defineBenchmark({
  about: 'one-event POSTs/s, durable ÷ a bare node:http server',
  options: { ...common, connections: 64, keyed: 0 },
  async run({ seconds, warmup, rounds, connections, keyed }, workdir) {
    const load = { connections, lines: 1, warmup, seconds, keyed: keyed === 1 }
    const { ours, reference } = await alternate(rounds, {
      ours: () => measureGateway<PostClosedResult>(workdir, generator, load),
      reference: () => measureServer<PostClosedResult>('reference/http-server.ts', {}, generator, load),
    })
    return [
      compare({
        bench: 'ingest-single',
        unit: 'requests/s',
        bar: 0.3,
        aim: 0.6,
        ours: ours.map(one => one.requestsPerSecond),
        reference: reference.map(one => one.requestsPerSecond),
        detail: {
          connections,
          keyed,
          commit_size: { ours: ours.map(one => one.commitSize) },
          verified_events: ours.map(one => one.acked),
          generator_cpu: { ours: ours.map(one => one.cpu), reference: reference.map(one => one.cpu) },
        },
      }),
    ]
  },
})
