/** Sends events through the client as fast as it takes them, and waits until all are acknowledged. */
import { setImmediate as turn } from 'node:timers/promises'
import { connect } from '../../../clients/ts/src/client.ts'
import { createEvents } from './client-events.ts'
import { burst, type ClientSendConfig, type ClientSendResult } from './client-load.ts'
import { answer, workerConfig } from './worker.ts'

await answer(async (): Promise<ClientSendResult> => {
  const { port, warm, events } = workerConfig<ClientSendConfig>()
  const client = connect({ url: `http://127.0.0.1:${port}`, stream: 'bench', transport: 'websocket' })
  client.on('error', ({ error }) => {
    throw error
  })
  const eventOf = createEvents()
  async function send(from: number, to: number): Promise<void> {
    for (let n = from; n < to; n++) {
      while (!client.send(eventOf(n))) await client.ready()
      if (n % burst === 0) await turn()
    }
    await client.flush()
  }
  await send(0, warm)
  const [begun, cpu] = [performance.now(), process.cpuUsage()]
  await send(warm, warm + events)
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(cpu)
  await client.close()
  const { acked } = client.stats()
  return { eventsPerSecond: events / seconds, acked, cpu: (user + system) / 1e6 / seconds }
})
