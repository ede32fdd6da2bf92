import { drain, measureRate, type WindowOptions } from './window.ts'

export interface LoopConfig extends WindowOptions {
  connections: number
  /** of each request */
  records: number
}

export interface LoopResult {
  /** acknowledged, per second of the window */
  recordsPerSecond: number
  /** records that were acknowledged, warm-up and drain included */
  acked: number
  /** other answers, by status */
  refused: Record<string, number>
  /** share of one core that the generator took */
  cpu: number
  /** cores that the server took, all its threads */
  serverCpu: number
}

/** A connection that has at most one request in flight. */
export interface Sender {
  /** Sends a request whose records are new: `block` is never the same twice. */
  send(block: number): void
  destroy(): void
}

/** `onAnswer` takes the status where it is none of success. */
type Open = (index: number, onAnswer: (refused?: number) => void, onClose: (reason: string) => void) => Promise<Sender>

/** Each connection sends its next request when the last one is answered. */
export async function closedLoop(config: LoopConfig, open: Open): Promise<LoopResult> {
  let block = 0
  let taken = 0
  let inFlight = 0
  let stopping = false
  let onDrained = () => {}
  const refused: Record<string, number> = {}

  const senders = await Promise.all(
    Array.from({ length: config.connections }, async (_, index) => {
      const sender: Sender = await open(
        index,
        status => {
          if (status === undefined) taken++
          else refused[status] = (refused[status] ?? 0) + 1
          if (!stopping) return sender.send(block++)
          if (--inFlight === 0) onDrained()
        },
        reason => {
          if (inFlight > 0) throw new Error(`connection ${index} with requests in flight: ${reason}`)
        },
      )
      return sender
    }),
  )

  inFlight = senders.length
  for (const sender of senders) sender.send(block++)
  const { perSecond, cpu, serverCpu = Number.NaN } = await measureRate(config, () => taken)
  const drained = new Promise<void>(resolve => {
    onDrained = resolve
  })
  stopping = true
  await drain(drained, () => `${inFlight} requests without an answer`)
  for (const sender of senders) sender.destroy()
  const { records } = config
  return { recordsPerSecond: perSecond * records, acked: taken * records, refused, cpu, serverCpu }
}
