/** Memory of the client while nobody takes what it holds. */
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../../../clients/ts/src/client.ts'
import { createEvents } from './client-events.ts'
import { eventBytes } from './events.ts'
import { answer, workerConfig } from './worker.ts'

export interface ClientBacklogConfig {
  events: number
  /** where nothing listens */
  port: number
}

/** bytes */
export interface ClientBacklogResult {
  /** resident above the start */
  grown: number
  /** JSON and line feeds of what is held */
  text: number
}

/** until the collector has had its turn, milliseconds */
const rest = 3000

await answer(async (): Promise<ClientBacklogResult> => {
  const { events, port } = workerConfig<ClientBacklogConfig>()
  const eventOf = createEvents()
  const client = connect({ url: `http://127.0.0.1:${port}`, maxBytes: 2 ** 31 })
  // they end as backlog, which would be printed
  client.on('drop', () => {})
  await sleep(rest)
  const before = process.memoryUsage.rss()
  for (let n = 0; n < events; n++) {
    if (!client.send(eventOf(n))) throw new Error(`event ${n} was refused`)
    if (n % 1000 === 0) await sleep(1)
  }
  await sleep(rest)
  const grown = process.memoryUsage.rss() - before
  const { pending } = client.stats()
  if (pending !== events) throw new Error(`${pending} of ${events} events are held`)
  await client.close({ timeout: 1 })
  return { grown, text: events * (eventBytes + 1) }
})
