import { createRandom, type Random } from './random.ts'

/** What a producer sends, event for event, decided by the seed alone. */
export interface Workload {
  /** stream key → the payloads of the whole stream: JSON text */
  events: ReadonlyMap<string, readonly string[]>
  /** events of each stream that are sent by the end of each generation; the last is all of them */
  targets: readonly number[]
  /** most events in one append */
  batch: number
}

/** Bytes of filler per event: from rows that share a page to rows that take several. */
const fillers: readonly ((random: Random) => number)[] = [
  random => random.between(0, 150),
  random => random.between(0, 1_500),
  random => (random.chance(0.1) ? random.between(4_000, 20_000) : random.between(20, 300)),
]

/** In every fiftieth seed the first generation sends enough for a WAL of 16 MiB, where the gateway's store checkpoints. */
const isHeavy = (seed: number) => seed % 50 === 10
const heavyBytes = 18 * 1024 * 1024

export function createWorkload(seed: number, generations: number): Workload {
  const random = createRandom(seed, 'workload')
  const heavy = isHeavy(seed)
  const first = random.between(20, 60)
  const later = heavy ? 5 : first
  const targets = Array.from({ length: generations }, (_, generation) => first + generation * later)
  const streams = random.between(1, 4)
  const filler = heavy ? () => heavyBytes / (first * streams) : random.pick(fillers)
  const batch = heavy ? 1 : random.pick([1, 3, 10, 30])
  const events = new Map<string, string[]>()
  for (let k = 1; k <= streams; k++) {
    const key = `stream-${k}`
    const payload = (_: unknown, index: number) =>
      JSON.stringify({ key, index, filler: random.bytes(Math.ceil(filler(random) / 2)).toString('hex') })
    events.set(key, Array.from({ length: targets.at(-1)! }, payload))
  }
  return { events, targets, batch }
}
