/** What a call of `send` costs its caller, and what JSON.stringify of the same object does. */
import { setImmediate as turn } from 'node:timers/promises'
import { connect } from '../../../clients/ts/src/client.ts'
import { fileSpool } from '../../../clients/ts/src/file.ts'
import { createEvents } from './client-events.ts'
import { answer, workerConfig } from './worker.ts'

export interface ClientCostConfig {
  port: number
  blocks: number
  /** folder of a spool; default none */
  spool?: string
}

/** microseconds a call, of the blocks' means */
export interface ClientCostResult {
  median: number
  p99: number
  stringify: number
  acked: number
}

const calls = 1000
/** blocks before the clock, while compilers settle */
const warm = 100
/** blocks until everything is acknowledged: what is measured is the call, not a full queue */
const flushEvery = 20

await answer(async (): Promise<ClientCostResult> => {
  const { port, blocks, spool } = workerConfig<ClientCostConfig>()
  const client = connect({
    url: `http://127.0.0.1:${port}`,
    stream: 'bench',
    spool: spool === undefined ? undefined : fileSpool(spool),
  })
  client.on('error', ({ error }) => {
    throw error
  })
  const eventOf = createEvents()
  const send: number[] = []
  const stringify: number[] = []
  let length = 0
  for (let block = 0; block < warm + blocks; block++) {
    const from = block * calls
    let begun = performance.now()
    for (let n = from; n < from + calls; n++) if (!client.send(eventOf(n))) throw new Error(`event ${n} was refused`)
    send.push(((performance.now() - begun) * 1000) / calls)
    begun = performance.now()
    for (let n = from; n < from + calls; n++) length += JSON.stringify(eventOf(n)).length
    stringify.push(((performance.now() - begun) * 1000) / calls)
    await (block % flushEvery === 0 ? client.flush() : turn())
  }
  if (length === 0) throw new Error('JSON.stringify was left out')
  await client.close()
  const sorted = send.slice(warm).sort((a, b) => a - b)
  return {
    median: sorted[blocks >> 1]!,
    p99: sorted[Math.floor(blocks * 0.99)]!,
    stringify: stringify.slice(warm).sort((a, b) => a - b)[blocks >> 1]!,
    acked: client.stats().acked,
  }
})
