import { type RunningGateway, startGateway } from '../../support/gateway.ts'
import type { Producer } from './producers.ts'
import { type CuttingProxy, cuts } from './proxy.ts'

export type Fault = 'kill' | 'cut' | 'client'

/** Seeded faults on a running system. Each resolves once it has happened; what it ended starts again beside. */
export interface Faults {
  make(fault: Fault): Promise<void>
  /** Resolves when all that was ended runs again. */
  settled(): Promise<void>
  gateway(): RunningGateway
  /** time from the start of a killed gateway to listening again, milliseconds */
  recoveries: number[]
}

export interface System {
  gateway: RunningGateway
  /** arguments that bring it back: same store, same port */
  args: readonly string[]
  proxy: CuttingProxy
  producers: readonly Producer[]
  rnd: () => number
}

export const sleep = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))

export function createFaults({ gateway, args, proxy, producers, rnd }: System): Faults {
  const recoveries: number[] = []
  let restarting: Promise<void> = Promise.resolve()
  const restarts = new Map<Producer, Promise<void>>()

  async function restart(pauseMs: number): Promise<void> {
    await sleep(pauseMs)
    const begun = performance.now()
    gateway = await startGateway(args)
    recoveries.push(performance.now() - begun)
  }

  const faults: Record<Fault, () => Promise<void>> = {
    async kill() {
      await restarting
      await gateway.end('SIGKILL')
      restarting = restart(rnd() ** 3 * 300)
      // looked at by `settled` or the next kill
      restarting.catch(() => {})
    },
    async cut() {
      const how = cuts[Math.floor(rnd() * cuts.length)]!
      const pick = rnd()
      // while the gateway is down there is nothing to cut
      while (!proxy.cut(how, pick)) {
        await restarting
        await sleep(5)
      }
    },
    async client() {
      const one = producers[Math.floor(rnd() * producers.length)]!
      await restarts.get(one)
      restarts.set(one, one.kill(rnd() < 0.5 ? 'self' : 'us', rnd() ** 3 * 300))
    },
  }
  return {
    make: fault => faults[fault](),
    settled: async () => void (await Promise.all([restarting, ...restarts.values()])),
    gateway: () => gateway,
    recoveries,
  }
}

/** So many of each, in seeded order. */
export function shuffled<F extends string>(numbers: Record<F, number>, rnd: () => number): F[] {
  const all = Object.entries<number>(numbers).flatMap(([fault, n]) => Array<F>(n).fill(fault as F))
  for (let k = all.length - 1; k > 0; k--) {
    const other = Math.floor(rnd() * (k + 1))
    ;[all[k], all[other]] = [all[other]!, all[k]!]
  }
  return all
}
