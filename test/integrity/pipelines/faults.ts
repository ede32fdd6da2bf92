import { setTimeout as sleep } from 'node:timers/promises'
import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import { startPipeline } from './pipeline-process.ts'
import type { Subject } from './subject.ts'

export type Fault = 'kill' | 'gateway' | 'pause'

export interface FaultsOptions {
  subject: Subject
  gateway: RunningGateway
  /** arguments that bring it back: same store, same port */
  gatewayArgs: readonly string[]
  dir: string
  settings: Readonly<Record<string, string | number>>
  /** milliseconds between two checkpoints */
  interval: number
  rnd: () => number
}

/** Seeded faults on a running pipeline and its gateway. Each resolves once it has happened. */
export interface Faults {
  make(fault: Fault): Promise<void>
  /** Resolves when the gateway runs again. */
  settled(): Promise<void>
  gateway(): RunningGateway
  /** from the start of a process to its first new epoch, milliseconds */
  recoveries: number[]
  violations: string[]
}

/** About how long a process takes until it reads, milliseconds. */
const startMs = 1500
/** and its checkpoints take */
const checkpointMs = 20

export function createFaults(options: FaultsOptions): Faults {
  const { subject, gatewayArgs, dir, settings, interval, rnd } = options
  const recoveries: number[] = []
  const violations: string[] = []
  let { gateway } = options
  let restarting = Promise.resolve()

  async function restartGateway(pauseMs: number): Promise<void> {
    await sleep(pauseMs)
    gateway = await startGateway(gatewayArgs)
  }

  const faults: Record<Fault, () => Promise<void>> = {
    /** While it starts, right after another, at work, or in a checkpoint. */
    async kill() {
      const how = rnd()
      if (how < 0.2) await sleep(rnd() * startMs)
      else if (how > 0.25) {
        const recovery = await subject.newEpoch()
        if (recovery !== undefined) recoveries.push(recovery)
        if (how > 0.6) await subject.planned()
        await sleep(rnd() * (how > 0.6 ? checkpointMs : 2 * interval))
      }
      await subject.kill()
    },
    async gateway() {
      await restarting
      await sleep(rnd() * interval)
      await gateway.end('SIGKILL')
      restarting = restartGateway(rnd() ** 3 * 500)
      // looked at by `settled` or the next one
      restarting.catch(() => {})
    },
    /** Stopped for longer than a checkpoint may take: no other may run meanwhile, and it goes on by itself. */
    async pause() {
      await subject.newEpoch()
      await sleep(rnd() * 2 * interval)
      const one = subject.current()
      one.signal('SIGSTOP')
      try {
        const begun = performance.now()
        const other = startPipeline({ dir, settings })
        const code = await other.exited
        if (code !== 1 || !other.log().includes(`run by another process (pid ${one.pid}`))
          violations.push(`beside a stopped process another ended with ${code}: ${other.log()}`)
        const left = Number(settings.checkpoint_timeout_sec) * 1200 - (performance.now() - begun)
        if (left > 0) await sleep(left)
      } finally {
        one.signal('SIGCONT')
      }
    },
  }
  return {
    make: fault => faults[fault](),
    settled: () => restarting,
    gateway: () => gateway,
    recoveries,
    violations,
  }
}
