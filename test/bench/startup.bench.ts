import { setTimeout as sleep } from 'node:timers/promises'
import { compare, defineBenchmark, note } from './harness/benchmark.ts'
import { form } from './harness/bin.ts'
import { type Gateway, startGateway } from './harness/gateway.ts'
import type { Workdir } from './harness/workdir.ts'
import { openPoster } from './load/poster.ts'

export const benchmark = defineBenchmark({
  about: 'milliseconds from spawn to the first durable event, and idle memory',
  options: { rounds: 10, 'idle-seconds': 10 },
  async run({ rounds, 'idle-seconds': idleSeconds }, workdir) {
    // fills the compile cache, as the first start after an installation does
    const first = await firstEvent(workdir)
    await first.gateway.stop()
    const times: number[] = []
    for (let round = 0; round < rounds; round++) {
      const { gateway, milliseconds } = await firstEvent(workdir)
      await gateway.stop()
      times.push(milliseconds)
      note(`start ${round + 1}: ${milliseconds.toFixed(0)} ms`)
    }
    const gateway = await startGateway({ dir: workdir.fresh() })
    await sleep(idleSeconds * 1000)
    const rss = gateway.rss() / 1e6
    await gateway.stop()
    const detail = { form }
    return [
      compare({
        bench: 'startup',
        unit: 'ms',
        bar: 300,
        lowerIsBetter: true,
        ours: times,
        detail: { ...detail, first: first.milliseconds },
      }),
      compare({
        bench: 'idle memory',
        unit: 'MB',
        bar: 120,
        lowerIsBetter: true,
        ours: [rss],
        detail: { ...detail, after_seconds: idleSeconds },
      }),
    ]
  },
})

/** From spawn to the 200 of one event. */
async function firstEvent(workdir: Workdir): Promise<{ gateway: Gateway; milliseconds: number }> {
  const dir = workdir.fresh()
  const from = performance.now()
  const gateway = await startGateway({ dir })
  const status = await postOne(gateway.port)
  const milliseconds = performance.now() - from
  if (status !== 200) throw new Error(`the first event was answered with ${status}`)
  return { gateway, milliseconds }
}

async function postOne(port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const poster = await openPoster({
    port,
    lines: 1,
    seed: 0,
    nextBlock: () => 0,
    onResponse: resolve,
    onClose: reason => reject(new Error(`no answer to the first event: ${reason}`)),
  })
  poster.send()
  const status = await promise
  poster.destroy()
  return status
}
