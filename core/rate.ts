/** A token bucket that may go into debt: what a request brings is known only after it was read. */
export interface Rate {
  /** seconds until the debt is paid; 0 where there is none */
  wait(now: number): number
  charge(amount: number, now: number): void
}

/** `perSecond` units flow in; at most one second's worth is saved up. Times are milliseconds of a monotonic clock. */
export function createRate(perSecond: number): Rate {
  let level = perSecond
  let at = 0
  const refill = (now: number) => {
    if (at > 0) level = Math.min(perSecond, level + ((now - at) / 1000) * perSecond)
    at = now
  }
  return {
    wait(now) {
      refill(now)
      return level >= 0 ? 0 : -level / perSecond
    },
    charge(amount, now) {
      refill(now)
      level -= amount
    },
  }
}
