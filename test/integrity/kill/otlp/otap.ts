import { batchStatusOf } from '../../../support/otlp-answers.ts'
import { type OtlpClient, otlpClient, type ServiceError } from '../../../support/otlp-grpc.ts'
import { isBroken } from './grpc.ts'
import { countOf, type Lane, pause, positionHeaders } from './lane.ts'
import { write } from './ledger.ts'
import { createMessages } from './messages.ts'
import { planOf } from './plan.ts'

/** messages of one stream that wait for their status */
const inFlight = 4

/**
 * OTAP: messages of a stream are sent ahead of their statuses. After a break a new stream begins, with a producer that
 * knows none of the old dictionaries, at the first message without a status; with offsets, or without.
 */
export async function overOtap(lane: Lane, { exact }: { exact: boolean }): Promise<void> {
  const { name, rnd, ledger } = lane
  const client = otlpClient(lane.ports.grpc)
  /** sent, and not acknowledged */
  let waiting: number[] = []
  let next = 0
  let offset = 0
  let epoch = 0

  const acked = (request: number) => {
    if (waiting.shift() !== request) throw new Error(`${name}: the status of request ${request} is out of turn`)
    offset += planOf(name, request).records
    write(ledger, { lane: name, request, event: 'acked' })
  }

  while (!lane.finishing() || waiting.length > 0) {
    const metadata: Record<string, string> = exact ? positionHeaders(name, { offset, epoch }) : {}
    const again = waiting
    waiting = []
    await oneStream(lane, client, metadata, {
      next: () => again.shift() ?? (lane.finishing() ? undefined : next++),
      sent: request => {
        waiting.push(request)
        write(ledger, { lane: name, request, event: 'sent' })
      },
      acked,
    })
    waiting.push(...again)
    await pause()
    if (exact && rnd() < 0.3) epoch++
    if (!exact || rnd() < 0.5) continue
    // what is below the count needs no status
    const count = await countOf(lane)
    while (waiting.length > 0 && offset + planOf(name, waiting[0]!).records <= count) acked(waiting[0]!)
    if (offset !== count) throw new Error(`${name}: the count is ${count}, which is within a message from ${offset} on`)
  }
}

interface Feed {
  /** undefined: there is none */
  next(): number | undefined
  sent(request: number): void
  acked(request: number): void
}

/** One stream to its end. Rejects where the gateway refused a message. */
function oneStream(
  { name, rnd }: Lane,
  client: OtlpClient,
  metadata: Record<string, string>,
  feed: Feed,
): Promise<void> {
  const signal = name.startsWith('logs') ? 'logs' : 'traces'
  const message = createMessages(name, ([null, 'lz4', 'zstd'] as const)[Math.floor(rnd() * 3)]!)
  const requests: number[] = []
  // a stream ends now and then: the next one says where it goes on
  const most = 1 + Math.floor(rnd() * 100)
  let acked = 0
  return new Promise((resolve, reject) => {
    const stream = client.arrow(signal, metadata)
    const fill = () => {
      while (requests.length - acked < inFlight && requests.length < most) {
        const request = feed.next()
        if (request === undefined) break
        requests.push(request)
        feed.sent(request)
        stream.write(message(request))
      }
      if (acked === requests.length) stream.end()
    }
    stream.on('data', (bytes: Buffer) => {
      const { batchId, code, message } = batchStatusOf(bytes)
      if (code !== 0 || batchId !== BigInt(acked)) {
        reject(new Error(`${name}: the status of message ${batchId} is ${code} ${message}, awaited was ${acked}`))
        return
      }
      feed.acked(requests[acked++]!)
      fill()
    })
    stream.on('error', (error: ServiceError) => {
      if (!isBroken(error)) reject(error)
    })
    // after an error too
    stream.on('status', () => resolve())
    fill()
  })
}
