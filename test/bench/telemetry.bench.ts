/**
 * One counter add against a bare `slot += n` on a Float64Array, in nanoseconds.
 *
 * Four label combinations of one counter are added to in turn, as an ingest path does, so that the loop measures the
 * work of an add and not the time until one slot can be read again. Each side runs in processes of its own, in
 * alternating order; a round is the median of its passes, a result the median of its rounds.
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { defineMetrics } from '../../core/telemetry/define.ts'
import { counter } from '../../core/telemetry/metric.ts'
import { createRegistry } from '../../core/telemetry/registry.ts'

const rounds = 7
const passes = 9
const addsPerPass = 40_000_000

const sides = { ours: measureOurs, reference: measureReference }
type Side = keyof typeof sides

const side = process.argv[2]
if (side === 'ours' || side === 'reference') console.log(sides[side]())
else compare()

function compare(): void {
  const raw: Record<Side, number[]> = { ours: [], reference: [] }
  for (let round = 0; round < rounds; round++) {
    const order: Side[] = round % 2 === 0 ? ['ours', 'reference'] : ['reference', 'ours']
    for (const name of order) raw[name].push(inFreshProcess(name))
  }
  const ours = median(raw.ours)
  const reference = median(raw.reference)
  const ratio = round3(ours / reference)
  console.log(
    JSON.stringify({
      bench: 'telemetry',
      ours_ns: ours,
      reference_ns: reference,
      ratio,
      raw: [raw.ours, raw.reference],
      adds_per_pass: addsPerPass,
      node: process.version,
    }),
  )
}

function inFreshProcess(name: Side): number {
  return Number(execFileSync(process.execPath, [fileURLToPath(import.meta.url), name], { encoding: 'utf8' }))
}

function measureOurs(): number {
  const registry = createRegistry()
  const { events } = registry.register(
    defineMetrics('bench', {
      events: counter({
        name: 'bench.events',
        unit: '{event}',
        brief: 'Events.',
        labels: { transport: ['http', 'websocket'], outcome: ['accepted', 'duplicate'] },
      }),
    }),
  )
  const a = events.with({ transport: 'http', outcome: 'accepted' })
  const b = events.with({ transport: 'http', outcome: 'duplicate' })
  const c = events.with({ transport: 'websocket', outcome: 'accepted' })
  const d = events.with({ transport: 'websocket', outcome: 'duplicate' })
  const pass = () => {
    for (let n = 0; n < addsPerPass; n += 4) {
      a.add(n & 7)
      b.add(1)
      c.add(n & 3)
      d.add(2)
    }
  }
  return nanosecondsPerAdd(pass, () => {
    const points = registry.snapshot().flatMap(({ metrics }) => metrics.flatMap(metric => metric.points))
    return points.reduce((sum, { value }) => sum + value, 0)
  })
}

function measureReference(): number {
  const slots = new Float64Array(5)
  const pass = () => {
    for (let n = 0; n < addsPerPass; n += 4) {
      slots[1]! += n & 7
      slots[2]! += 1
      slots[3]! += n & 3
      slots[4]! += 2
    }
  }
  return nanosecondsPerAdd(pass, () => slots.reduce((sum, value) => sum + value, 0))
}

/** `total` is read after each pass and checked, so that no add can be left out. */
function nanosecondsPerAdd(pass: () => void, total: () => number): number {
  pass()
  const once = total()
  const times: number[] = []
  for (let run = 0; run < passes; run++) {
    const begin = process.hrtime.bigint()
    pass()
    times.push(Number(process.hrtime.bigint() - begin) / addsPerPass)
    if (total() !== once * (run + 2)) throw new Error(`pass ${run} lost adds: ${total()}`)
  }
  return round3(median(times))
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000
}
