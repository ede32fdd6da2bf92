import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** milliseconds that a server has for what is in flight when the load ends */
export const drainDeadline = 30_000

export interface WindowOptions {
  /** seconds before the window */
  warmup: number
  /** seconds of the window */
  seconds: number
  /** a process whose time is taken too, its threads included */
  pid?: number
}

export interface Rate {
  /** per second, within the window */
  perSecond: number
  /** share of one core that this process took within the window */
  cpu: number
  /** cores that the process of `pid` took */
  serverCpu: number | undefined
}

/** Lets a running load warm up, then measures how fast `count()` grows. */
export async function measureRate({ warmup, seconds, pid }: WindowOptions, count: () => number): Promise<Rate> {
  await sleep(warmup * 1000)
  const before = { count: count(), time: performance.now(), cpu: process.cpuUsage(), server: cpuSeconds(pid) }
  await sleep(seconds * 1000)
  const elapsed = (performance.now() - before.time) / 1000
  const cpu = process.cpuUsage(before.cpu)
  const server = cpuSeconds(pid)
  return {
    perSecond: (count() - before.count) / elapsed,
    cpu: (cpu.user + cpu.system) / 1e6 / elapsed,
    serverCpu: server === undefined ? undefined : (server - before.server!) / elapsed,
  }
}

/** Seconds of processor time that a process has taken, from /proc (Linux only; 100 ticks a second). */
function cpuSeconds(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined
  // the name, in brackets, may have spaces: utime and stime are the 12th and 13th field behind it
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
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
