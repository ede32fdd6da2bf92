import { PipelineError } from '../../runtime/errors.ts'
import { type ConnectOptions, connectPg } from './connect.ts'
import type { PgSession } from './session.ts'

/** Connections that are opened as they are needed, and kept for the next. */
export interface PgPool {
  /** Waits for a free connection, opens one where there may be more, and gives it back at the end. */
  use<T>(work: (session: PgSession) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export interface PoolOptions extends ConnectOptions {
  /** connections at most */
  max: number
  /** milliseconds that a caller waits for one, default 30,000 */
  acquireTimeout?: number
  /** milliseconds after which an idle one is closed, default 600,000 */
  idleTimeout?: number
  /** milliseconds after which one is not used again, default 1,800,000 */
  lifetime?: number
}

interface Kept {
  session: PgSession
  since: number
  idle: number
}

export function createPool(options: PoolOptions): PgPool {
  const { max, acquireTimeout = 30_000, idleTimeout = 600_000, lifetime = 1_800_000 } = options
  const free: Kept[] = []
  const waiting: (() => void)[] = []
  let out = 0
  let isClosed = false
  let drained: (() => void) | undefined

  const sweep = setInterval(() => {
    const limit = performance.now() - idleTimeout
    while (free.length > 0 && free[0]!.idle < limit) void free.shift()!.session.close()
  }, 10_000).unref()

  async function turn(): Promise<void> {
    if (out < max) return
    await new Promise<void>((resolve, reject) => {
      const go = () => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(go), 1)
        const { host, port } = options.server
        const text = `postgres ${host}:${port}: none of ${max} connections came free within ${acquireTimeout / 1000} s`
        reject(new PipelineError('unavailable', text))
      }, acquireTimeout)
      waiting.push(go)
    })
  }

  async function take(): Promise<Kept> {
    const now = performance.now()
    for (let kept = free.pop(); kept; kept = free.pop()) {
      if (!kept.session.broken && now - kept.since < lifetime) return kept
      void kept.session.close()
    }
    return { session: await connectPg(options), since: now, idle: now }
  }

  return {
    async use(work) {
      for (;;) {
        if (isClosed) throw new PipelineError('internal', 'the pool of postgres connections is closed')
        if (out < max) break
        await turn()
      }
      out++
      try {
        const kept = await take()
        try {
          return await work(kept.session)
        } finally {
          kept.idle = performance.now()
          if (isClosed) void kept.session.close()
          else if (!kept.session.broken) free.push(kept)
        }
      } finally {
        out--
        waiting.shift()?.()
        if (out === 0) drained?.()
      }
    },
    async close() {
      isClosed = true
      clearInterval(sweep)
      for (const go of waiting.splice(0)) go()
      await Promise.all(free.splice(0).map(({ session }) => session.close()))
      if (out > 0)
        await new Promise<void>(resolve => {
          drained = resolve
        })
    },
  }
}
