import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../../../support/http.ts'
import { write } from './ledger.ts'
import { planOf } from './plan.ts'

export interface Lane {
  name: string
  rnd: () => number
  ports: { http: number; grpc: number }
  ledger: string
  /** the run is over: send nothing new */
  finishing(): boolean
}

/** The outcome of a request is unknown: the connection broke, or the gateway is not there. */
export class Unknown extends Error {}

/** One request to its end. Throws Unknown, or an Error where the gateway refused it. */
export type Send = (request: number, position: { offset: number; epoch: number } | undefined) => Promise<void>

export const pause = () => sleep(20)

export async function countOf({ name, ports }: Lane): Promise<number> {
  for (;;) {
    try {
      const { status, headers } = await ask(`http://127.0.0.1:${ports.http}/v1/streams/${name}`, { method: 'HEAD' })
      if (status === 404) return 0
      if (status === 200) return Number(headers['millrace-count'])
    } catch {
      // down at this moment
    }
    await pause()
  }
}

/**
 * Exactly once: each request has an offset. After a break it is sent again as it was, or the count tells whether that
 * is needed; now and then one that was acknowledged is sent again too.
 */
export async function exactlyOnce(lane: Lane, send: Send): Promise<void> {
  const { name, rnd, ledger } = lane
  let offset = 0
  let epoch = 0
  for (let request = 0; !lane.finishing(); request++) {
    const next = offset + planOf(name, request).records
    await until(lane, request, async again => {
      if (again && rnd() < 0.3) epoch++
      if (again && rnd() < 0.5) {
        const count = await countOf(lane)
        if (count === next) return
        if (count !== offset) throw new Error(`${name}: the count is ${count}, neither ${offset} nor ${next}`)
      }
      await send(request, { offset, epoch })
    })
    write(ledger, { lane: name, request, event: 'acked' })
    if (rnd() < 0.05) await until(lane, request, () => send(request, { offset, epoch }))
    offset = next
  }
}

/** At least once: what is not acknowledged is sent again, and may be stored again. */
export async function atLeastOnce(lane: Lane, send: Send): Promise<void> {
  for (let request = 0; !lane.finishing(); request++) {
    await until(lane, request, () => send(request, undefined))
    write(lane.ledger, { lane: lane.name, request, event: 'acked' })
  }
}

/** Until the outcome is known. */
async function until(
  { name, ledger }: Lane,
  request: number,
  attempt: (again: boolean) => Promise<void>,
): Promise<void> {
  for (let again = false; ; again = true) {
    write(ledger, { lane: name, request, event: 'sent' })
    try {
      return await attempt(again)
    } catch (error) {
      if (!(error instanceof Unknown)) throw error
      await pause()
    }
  }
}

/** What names the stream and the position, as headers or metadata. */
export const positionHeaders = (name: string, { offset, epoch }: { offset: number; epoch: number }) => ({
  'millrace-stream': name,
  'millrace-offset': String(offset),
  'millrace-epoch': String(epoch),
})
