import { AppError } from '../../core/errors.ts'

/**
 * Bytes of requests that are read whole before they are stored, over all connections. Senders are not made to wait for
 * one another, since each might hold what the others wait for: what does not fit is refused, to be sent again.
 */
export interface Held {
  begin(): Holding
  readonly bytes: number
}

export interface Holding {
  /** Throws `store_busy` where there is no room for them beside what others hold. */
  add(bytes: number): void
  release(): void
}

export function createHeld(limit: number): Held {
  let held = 0
  return {
    begin() {
      let mine = 0
      return {
        add(bytes) {
          if (held > mine && held + bytes > limit)
            throw new AppError(
              'store_busy',
              `requests that are being read hold ${held} bytes of ${limit}: send this one again later`,
              { retryAfter: 1 },
            )
          mine += bytes
          held += bytes
        },
        release() {
          held -= mine
          mine = 0
        },
      }
    },
    get bytes() {
      return held
    },
  }
}
