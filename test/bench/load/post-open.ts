/**
 * Open loop: requests are due at fixed times, whether or not the earlier ones were answered.
 *
 * A request's latency counts from the time it was due, so that a stalled server cannot hide its stall by not being
 * asked ("coordinated omission"). Where every connection is busy a due request waits for one, up to `maxWaiting`;
 * beyond that the oldest is counted as unsent and forgotten.
 */
import { openPoster, type Poster } from './poster.ts'
import { drainDeadline } from './window.ts'
import { answer, workerConfig } from './worker.ts'

export interface PostOpenConfig {
  port: number
  path?: string
  connections: number
  lines: number
  /** each connection appends to a stream of its own; else each request is one */
  keyed?: boolean
  /** requests per second */
  rate: number
  /** requests due in the warm-up are sent but not measured */
  warmup: number
  seconds: number
  maxWaiting: number
}

export interface PostOpenResult {
  /** events answered with 200 per second of the window */
  eventsPerSecond: number
  /** events answered with 200, warm-up and drain included */
  acked: number
  /** events whose connection broke before the answer: stored or not */
  unknown: number
  /** responses that were not 200, by status */
  refused: Record<string, number>
  /** requests that found no free connection, warm-up included */
  unsent: number
  /** milliseconds from due to answered, of the requests due in the window */
  latency: { p50: number; p90: number; p99: number; max: number }
  /** share of one core that the generator took */
  cpu: number
}

/** milliseconds that the loop sleeps between looks at the clock: spinning would take a core from the gateway */
const nap = 0.01
/** milliseconds until a lost connection is opened again */
const reopenAfter = 100

export async function postOpen(config: PostOpenConfig): Promise<PostOpenResult> {
  const { rate, warmup, seconds, maxWaiting, lines } = config
  const windowFrom = Math.ceil(rate * warmup)
  const total = windowFrom + Math.ceil(rate * seconds)
  const latencies = new Float64Array(total - windowFrom)
  const posters: (Poster | undefined)[] = []
  const idle: number[] = []
  /** the request that each connection carries, or -1 */
  const carried = new Int32Array(config.connections).fill(-1)
  const refused: Record<string, number> = {}
  const count = { blocks: 0, measured: 0, taken: 0, takenInWindow: 0, unsent: 0, lost: 0, inFlight: 0 }
  /** requests [next, due) wait for a connection */
  let next = 0
  let due = 0
  let begun = 0
  const dueTime = (index: number) => begun + (index * 1000) / rate

  async function open(slot: number): Promise<void> {
    posters[slot] = await openPoster({
      ...config,
      seed: slot,
      key: config.keyed ? `bench-${slot}` : undefined,
      nextBlock: () => count.blocks++,
      onResponse: status => finish(slot, status),
      onClose: () => lose(slot),
    })
    idle.push(slot)
  }

  function reopen(slot: number): void {
    if (due < total) open(slot).catch(() => setTimeout(reopen, reopenAfter, slot))
  }

  function start(slot: number): void {
    carried[slot] = next++
    count.inFlight++
    posters[slot]!.send()
  }

  function finish(slot: number, status: number): void {
    const now = performance.now()
    const index = carried[slot]!
    carried[slot] = -1
    count.inFlight--
    if (status === 200) {
      count.taken++
      if (now >= dueTime(windowFrom) && now < dueTime(total)) count.takenInWindow++
      if (index >= windowFrom) latencies[count.measured++] = now - dueTime(index)
    } else refused[status] = (refused[status] ?? 0) + 1
    if (next < due && maxWaiting > 0) start(slot)
    else idle.push(slot)
  }

  function lose(slot: number): void {
    const at = idle.indexOf(slot)
    if (at >= 0) idle.splice(at, 1)
    if (carried[slot]! >= 0) {
      carried[slot] = -1
      count.inFlight--
      count.lost++
    }
    reopen(slot)
  }

  await Promise.all(Array.from(carried, (_, slot) => open(slot)))
  const cpuBefore = process.cpuUsage()
  const cell = new Int32Array(new SharedArrayBuffer(4))
  begun = performance.now()
  await new Promise<void>((resolve, reject) => {
    function tick(): void {
      const now = performance.now()
      due = Math.min(total, Math.ceil(((now - begun) * rate) / 1000))
      while (next < due && idle.length > 0) start(idle.pop()!)
      if (due - next > maxWaiting) {
        count.unsent += due - next - maxWaiting
        next = due - maxWaiting
      }
      if (due === total && next === due && count.inFlight === 0) resolve()
      else if (now > dueTime(total) + drainDeadline) reject(new Error(`${count.inFlight} requests without an answer`))
      else {
        Atomics.wait(cell, 0, 0, nap)
        setImmediate(tick)
      }
    }
    tick()
  })
  const cpu = process.cpuUsage(cpuBefore)
  const elapsed = performance.now() - begun
  for (const poster of posters) poster?.destroy()
  const sorted = latencies.subarray(0, count.measured).sort()
  const at = (share: number) => sorted[Math.min(count.measured - 1, Math.floor(count.measured * share))] ?? Number.NaN
  return {
    eventsPerSecond: (count.takenInWindow * lines) / seconds,
    acked: count.taken * lines,
    unknown: count.lost * lines,
    refused,
    unsent: count.unsent,
    latency: { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) },
    cpu: (cpu.user + cpu.system) / 1000 / elapsed,
  }
}

if (import.meta.main) await answer(() => postOpen(workerConfig()))
