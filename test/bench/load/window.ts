import { setTimeout as sleep } from 'node:timers/promises'

/** milliseconds that a server has for what is in flight when the load ends */
export const drainDeadline = 30_000

export interface WindowOptions {
  /** seconds before the window */
  warmup: number
  /** seconds of the window */
  seconds: number
}

export interface Rate {
  /** per second, within the window */
  perSecond: number
  /** share of one core that this process took within the window */
  cpu: number
}

/** Lets a running load warm up, then measures how fast `count()` grows. */
export async function measureRate({ warmup, seconds }: WindowOptions, count: () => number): Promise<Rate> {
  await sleep(warmup * 1000)
  const before = { count: count(), time: performance.now(), cpu: process.cpuUsage() }
  await sleep(seconds * 1000)
  const elapsed = (performance.now() - before.time) / 1000
  const cpu = process.cpuUsage(before.cpu)
  return { perSecond: (count() - before.count) / elapsed, cpu: (cpu.user + cpu.system) / 1e6 / elapsed }
}

/** Resolves when `drained` does; rejects with `what()` after the deadline. */
export async function drain(drained: Promise<void>, what: () => string): Promise<void> {
  const deadline = new AbortController()
  const late = sleep(drainDeadline, undefined, { signal: deadline.signal }).then(
    () => Promise.reject(new Error(what())),
    () => {},
  )
  await Promise.race([drained, late])
  deadline.abort()
}
