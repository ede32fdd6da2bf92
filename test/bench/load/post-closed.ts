/** Closed loop: each connection sends its next request when the last one is answered. */
import { openPoster } from './poster.ts'
import { drain, measureRate, type WindowOptions } from './window.ts'
import { answer, workerConfig } from './worker.ts'

export interface PostClosedConfig extends WindowOptions {
  port: number
  path?: string
  connections: number
  lines: number
  /** each connection appends to a stream of its own; else each request is one */
  keyed?: boolean
}

export interface PostClosedResult {
  /** answered with 200, per second of the window */
  requestsPerSecond: number
  eventsPerSecond: number
  /** events that were answered with 200, warm-up and drain included */
  acked: number
  /** responses that were not 200, by status */
  refused: Record<string, number>
  /** share of one core that the generator took */
  cpu: number
}

export async function postClosed(config: PostClosedConfig): Promise<PostClosedResult> {
  let block = 0
  let taken = 0
  let inFlight = 0
  let stopping = false
  let onDrained = () => {}
  const refused: Record<string, number> = {}
  const posters = await Promise.all(Array.from({ length: config.connections }, (_, index) => open(index)))

  async function open(index: number) {
    const poster = await openPoster({
      ...config,
      seed: index,
      key: config.keyed ? `bench-${index}` : undefined,
      nextBlock: () => block++,
      onResponse(status) {
        if (status === 200) taken++
        else refused[status] = (refused[status] ?? 0) + 1
        if (!stopping) return poster.send()
        if (--inFlight === 0) onDrained()
      },
      onClose(reason) {
        if (inFlight > 0) throw new Error(`connection ${index} with requests in flight: ${reason}`)
      },
    })
    return poster
  }

  inFlight = posters.length
  for (const poster of posters) poster.send()
  const rate = await measureRate(config, () => taken)
  const drained = new Promise<void>(resolve => {
    onDrained = resolve
  })
  stopping = true
  await drain(drained, () => `${inFlight} requests without an answer`)
  for (const poster of posters) poster.destroy()
  return {
    requestsPerSecond: rate.perSecond,
    eventsPerSecond: rate.perSecond * config.lines,
    acked: taken * config.lines,
    refused,
    cpu: rate.cpu,
  }
}

if (import.meta.main) await answer(() => postClosed(workerConfig()))
