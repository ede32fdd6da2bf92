import type pg from 'pg'
import { clientOf } from '../../../drivers/postgres/client.ts'
import { pgFailure } from '../../../drivers/postgres/failures.ts'
import { literal, quote } from '../../../drivers/postgres/names.ts'
import { tlsOf } from '../../../drivers/postgres/tls.ts'
import type { NodeContext } from '../../../runtime/contract.ts'
import { sleep } from '../sleep.ts'
import type { Place } from './place.ts'

/** How often to look by itself: a gateway that was killed after a commit tells nobody, and nobody tells of some tables. */
const slowest = 1000
/** Who cannot be listened to is tried again after so long, doubled up to the other; ms. */
const againMs = 1000
const againMost = 30_000
const connectMs = 10_000

/** Tells when to look whether rows were stored: by LISTEN on a connection of its own, on what gateways NOTIFY. */
export interface News {
  /** Resolves after a commit since the last call, or after a while without one. */
  next(): Promise<void>
  close(): void
}

export function followNews(place: Place, context: NodeContext, stop: AbortSignal): News {
  let client: pg.Client | undefined
  let isTrying = false
  let isTold = false
  let heard = false
  let pause = againMs
  let tryAt = 0
  let wake: (() => void) | undefined

  const tell = () => {
    heard = true
    wake?.()
  }

  function lost(error: unknown): void {
    client = undefined
    tryAt = performance.now() + pause
    pause = Math.min(2 * pause, againMost)
    if (stop.aborted || isTold) return
    isTold = true
    const { message } = pgFailure(error, place.name)
    context.log.warn(`${message}: looks for new rows every ${slowest / 1000} s, until it is told of them again`)
  }

  async function listen(): Promise<void> {
    isTrying = true
    try {
      const opened = await openListener(place, `millrace ${context.pipeline}/${context.name} news`, stop)
      opened.on('notification', ({ payload }) => {
        if (payload !== 'tokens') tell()
      })
      opened.once('end', () => lost(new Error('the connection ended')))
      client = opened
      isTold = false
      pause = againMs
      // what was stored meanwhile was told to nobody here
      tell()
    } catch (error) {
      lost(error)
    }
    isTrying = false
  }

  return {
    async next() {
      if (client === undefined && !isTrying && performance.now() >= tryAt) void listen()
      if (!heard) await sleep(slowest, stop, early => (wake = early))
      wake = undefined
      heard = false
    },
    close: () => void client?.end().catch(() => {}),
  }
}

/** Each host in turn, in each way that `sslmode` allows. `stop` ends it at once. */
async function openListener({ server, schema }: Place, application: string, stop: AbortSignal): Promise<pg.Client> {
  const ways = await tlsOf(server)
  let failure: unknown
  for (const host of server.host.split(','))
    for (const ssl of ways) {
      const client = clientOf(server, host.trim(), ssl, application, connectMs)
      const end = () => void client.end().catch(() => {})
      stop.addEventListener('abort', end, { once: true })
      client.once('end', () => stop.removeEventListener('abort', end))
      try {
        stop.throwIfAborted()
        await client.connect()
        await client.query(
          `SELECT set_config('idle_session_timeout', '0', false) FROM pg_settings WHERE name = ${literal('idle_session_timeout')}`,
        )
        await client.query(`LISTEN ${quote(`millrace:${schema}`)}`)
        return client
      } catch (error) {
        end()
        failure = error
      }
    }
  throw failure
}
