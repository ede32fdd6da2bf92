import { setTimeout as sleep } from 'node:timers/promises'
import { common, compare, defineBenchmark, note } from './harness/benchmark.ts'
import { startGateway } from './harness/gateway.ts'
import { residentBytes, startWorker } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import type { IdleSocketsResult } from './load/idle-sockets.ts'

/** MB that so many idle sockets may cost */
const bar = 200
/** seconds for buffers of the handshakes to be freed */
const settle = 5

export const benchmark = defineBenchmark({
  about: 'resident memory that 10,000 idle WebSockets add to the gateway, beside a bare ws server',
  options: { rounds: common.rounds, sockets: 10_000 },
  async run({ rounds, sockets }, workdir) {
    const { ours, reference } = await alternate(rounds, {
      async ours() {
        const gateway = await startGateway({ dir: workdir.fresh() })
        const cost = await idleCost(gateway, sockets)
        await gateway.stop()
        return cost
      },
      async reference() {
        const server = startWorker('reference/ws-server.ts', {})
        const { port } = await server.message<{ port: number }>()
        const cost = await idleCost({ port, pid: server.pid }, sockets, false)
        await server.stop()
        return cost
      },
    })
    const report = compare({
      bench: 'idle-sockets',
      unit: 'MB',
      bar,
      lowerIsBetter: true,
      ours: ours.map(one => one.added),
      detail: { sockets, before: ours.map(one => one.before), bare_ws_server: reference.map(one => one.added) },
    })
    return [report]
  },
})

/** MB before the sockets, and what they add; throws where one is missing or no longer answers. */
async function idleCost(server: { port: number; pid: number }, sockets: number, acks = true) {
  await sleep(settle * 1000)
  const before = residentBytes(server.pid) / 1e6
  const clients = startWorker('load/idle-sockets.ts', { port: server.port, sockets })
  const { open } = await clients.message<IdleSocketsResult>()
  if (open !== sockets) throw new Error(`${open} of ${sockets} sockets are open`)
  note(`${open} sockets are open`)
  await sleep(settle * 1000)
  const added = residentBytes(server.pid) / 1e6 - before
  if (acks) {
    clients.send({ ask: true })
    const alive = await clients.message<IdleSocketsResult>()
    if (alive.acked !== alive.asked) throw new Error(`${alive.acked} of ${alive.asked} sockets acked their event`)
  }
  await clients.stop()
  return { before, added }
}
