/**
 * Framing a body of 1,000 lines against splitting it at its line feeds and parsing each line with JSON.parse, and one
 * small event against the same.
 *
 * A body comes in chunks of 64 KiB, as from a socket, and its entries are taken. Each side runs in processes of its own,
 * in alternating order; a round is the median of its passes, a result the median of its rounds. Neither side keeps
 * what it made.
 */
import { execFileSync } from 'node:child_process'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { createFramer } from '../../core/framing/framer.ts'
import { median, toLine } from './harness/benchmark.ts'
import { eventLines } from './load/events.ts'

const lines = 1000
const rounds = 5
const passes = 200
const smallPasses = 20
const smallPerPass = 10_000
const chunkBytes = 64 * 1024

interface Figures {
  events_per_s: number
  mb_per_s: number
  /** nanoseconds for a body of one event */
  one_ns: number
}

const sides = {
  ours: (body: Buffer) => {
    const framer = createFramer({ sizeHint: body.length })
    for (let at = 0; at < body.length; at += chunkBytes) framer.push(body.subarray(at, at + chunkBytes))
    framer.end()
    return framer.take()?.count ?? 0
  },
  reference: (body: Buffer) => {
    let count = 0
    for (let at = 0; at < body.length; count++) {
      const end = body.indexOf(0x0a, at)
      JSON.parse(body.toString('utf8', at, end))
      at = end + 1
    }
    return count
  },
}
type Side = keyof typeof sides

const side = process.argv[2]
if (side === 'ours' || side === 'reference') console.log(JSON.stringify(measure(sides[side])))
else compare()

function compare(): void {
  const load_before = loadavg()[0]
  const raw: Record<Side, Figures[]> = { ours: [], reference: [] }
  for (let round = 0; round < rounds; round++) {
    const order: Side[] = round % 2 === 0 ? ['ours', 'reference'] : ['reference', 'ours']
    for (const name of order) raw[name].push(inFreshProcess(name))
  }
  const of = (name: Side, figure: keyof Figures) => raw[name].map(figures => figures[figure])
  const medians = (name: Side): Figures => ({
    events_per_s: median(of(name, 'events_per_s')),
    mb_per_s: median(of(name, 'mb_per_s')),
    one_ns: median(of(name, 'one_ns')),
  })
  const [ours, reference] = [medians('ours'), medians('reference')]
  const ratio = ours.events_per_s / reference.events_per_s
  console.log(toLine({ bench: 'framing', ours, reference, ratio, raw, lines, node: process.version, load_before }))
}

function inFreshProcess(name: Side): Figures {
  return JSON.parse(execFileSync(process.execPath, [fileURLToPath(import.meta.url), name], { encoding: 'utf8' }))
}

function measure(frame: (body: Buffer) => number): Figures {
  const body = eventLines(lines, 1)
  const one = eventLines(1, 2)
  const bodyMs = medianOf(passes, () => {
    if (frame(body) !== lines) throw new Error(`framed other than ${lines} events`)
  })
  const smallMs = medianOf(smallPasses, () => {
    for (let n = 0; n < smallPerPass; n++) frame(one)
  })
  return {
    events_per_s: (lines / bodyMs) * 1000,
    mb_per_s: body.length / bodyMs / 1000,
    one_ns: (smallMs / smallPerPass) * 1e6,
  }
}

/** Milliseconds of the median pass, after half as many that count for nothing: compilers settle. */
function medianOf(count: number, pass: () => void): number {
  const times: number[] = []
  for (let n = -count / 2; n < count; n++) {
    const start = performance.now()
    pass()
    if (n >= 0) times.push(performance.now() - start)
  }
  return median(times)
}
