/** What a program without the client would write: one message an event over the runtime's WebSocket, and no acks. */
import { setImmediate as turn } from 'node:timers/promises'
import { createEvents } from './client-events.ts'
import { burst, type ClientSendConfig, type ClientSendResult } from './client-load.ts'
import { answer, workerConfig } from './worker.ts'

/** bytes that may wait in the socket before the loop pauses, as the client's window */
const window = 4 * 1024 * 1024

await answer(async (): Promise<Omit<ClientSendResult, 'acked'>> => {
  const { port, warm, events } = workerConfig<ClientSendConfig>()
  const socket = new WebSocket(`ws://127.0.0.1:${port}`)
  await new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = reject
  })
  const eventOf = createEvents()
  async function send(from: number, to: number): Promise<void> {
    const counted = new Promise(resolve => {
      socket.onmessage = resolve
    })
    for (let n = from; n < to; n++) {
      socket.send(JSON.stringify(eventOf(n)))
      if (n % burst === 0)
        do await turn()
        while (socket.bufferedAmount > window)
    }
    await counted
  }
  await send(0, warm)
  const [begun, cpu] = [performance.now(), process.cpuUsage()]
  await send(warm, warm + events)
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(cpu)
  socket.close()
  return { eventsPerSecond: events / seconds, cpu: (user + system) / 1e6 / seconds }
})
