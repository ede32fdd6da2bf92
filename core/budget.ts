import { AppError } from './errors.ts'

/** Bytes that may be held at once; who asks for more waits in line. The one bound between sockets and the store. */
export interface Budget {
  /**
   * Resolves at once (undefined) or once there is room. A request above the whole limit gets it alone.
   * Rejects with `store_busy` where it waited `patienceMs`.
   */
  acquire(bytes: number): Promise<void> | undefined
  release(bytes: number): void
  readonly used: number
  readonly waiting: number
  /** Rejects everybody whose patience is over; call it now and then. */
  expire(now: number): void
}

interface Waiter {
  bytes: number
  since: number
  resolve: () => void
  reject: (error: Error) => void
}

export function createBudget({ limit, patienceMs }: { limit: number; patienceMs: number }): Budget {
  const line: Waiter[] = []
  let used = 0
  const fits = (bytes: number) => used === 0 || used + bytes <= limit

  return {
    acquire(bytes) {
      if (line.length === 0 && fits(bytes)) {
        used += bytes
        return undefined
      }
      return new Promise((resolve, reject) => line.push({ bytes, since: performance.now(), resolve, reject }))
    },
    release(bytes) {
      used -= bytes
      while (line.length > 0 && fits(line[0]!.bytes)) {
        const next = line.shift()!
        used += next.bytes
        next.resolve()
      }
    },
    get used() {
      return used
    },
    get waiting() {
      return line.length
    },
    expire(now) {
      while (line.length > 0 && now - line[0]!.since >= patienceMs) {
        const late = line.shift()!
        late.reject(
          new AppError(
            'store_busy',
            `no room in the queue of ${limit} bytes for ${patienceMs} ms: the store does not keep up`,
            {
              retryAfter: 2,
            },
          ),
        )
      }
    },
  }
}
