import { batchOfRows, type Row } from '../../../jobs/runtime/batch/build.ts'
import { rowsOf } from '../../../jobs/runtime/batch/rows.ts'
import type { Transform } from '../../../jobs/runtime/contract.ts'
import { PipelineError } from '../../../jobs/runtime/errors.ts'
import {
  createStored,
  listSource,
  rows,
  type Stored,
  schema,
  sinkNode,
  sourceNode,
  storedSink,
  type TestRow,
  transformNode,
} from '../../../jobs/runtime/harness/pipeline.suite.ts'
import type { TopologyNode } from '../../../jobs/topology/topology.ts'

/** Numbers from a seed: the same seed gives the same run (but for the order in which promises of several nodes settle). */
export function createRandom(seed: number) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return { next, below, chance: (p: number) => next() < p, of: <T>(list: readonly T[]) => list[below(list.length)]! }
}
export type Random = ReturnType<typeof createRandom>

/** What a transform makes of one row; the naive model calls the same function. */
type Change = (row: TestRow) => TestRow[]

const changes = (name: string, random: Random): Change => {
  const modulo = 2 + random.below(4)
  return random.of<Change>([
    row => [row],
    row => (row.id % modulo === 0 ? [] : [row]),
    row => [{ ...row, text: `${row.text}/${name}` }],
    row => (row.id % modulo === 0 ? [row, { ...row, text: `${row.text}+` }] : [row]),
    () => [],
  ])
}

export interface RandomPipeline {
  nodes: TopologyNode[]
  lists: Map<string, TestRow[]>
  stored: Map<string, Stored>
  /** what each sink must hold at the end, in any order */
  expected(): Map<string, string[]>
}

export interface Faults {
  /** chance of a failure at each commit, write and call of a transform; falls with each, or a long epoch would never end */
  rate: number
}

/** Whether one happens here. */
export function strikes(random: Random, faults: Faults): boolean {
  if (!random.chance(faults.rate)) return false
  faults.rate *= 0.98
  return true
}

/** Sources, transforms that read one to three nodes before them, and a sink on each end and some more. */
export function randomPipeline(random: Random, faults: Faults): RandomPipeline {
  const nodes: TopologyNode[] = []
  const lists = new Map<string, TestRow[]>()
  const stored = new Map<string, Stored>()
  const made = new Map<string, () => TestRow[]>()
  const inputsOf = new Map<string, string>()
  const fault = (what: string) => () => {
    if (strikes(random, faults))
      throw new PipelineError(random.of(['unavailable', 'timeout', 'internal']), `${what} broke`)
  }

  for (let at = 0; at < 1 + random.below(3); at++) {
    const name = `source${at}`
    const list = rows(random.below(150), at * 1000)
    const batch = random.chance(0.5) ? 1 + random.below(40) : () => 1 + random.below(20)
    lists.set(name, list)
    made.set(name, () => list)
    nodes.push(sourceNode(name, listSource(list, { batch }).open))
  }
  for (let at = 0; at < random.below(6); at++) {
    const name = `transform${at}`
    const inputs = [...new Set(Array.from({ length: 1 + random.below(3) }, () => random.of([...made.keys()])))]
    const change = changes(name, random)
    const before = inputs.map(input => made.get(input)!)
    made.set(name, () => before.flatMap(rows => rows().flatMap(change)))
    nodes.push(transformNode(name, inputs, async () => transformOf(change, random, fault(name))))
  }
  const read = new Set(nodes.flatMap(({ inputs }) => inputs))
  const ends = [...made.keys()].filter(name => !read.has(name) || random.chance(0.2))
  ends.forEach((input, at) => {
    const name = `sink${at}`
    const held = createStored()
    stored.set(name, held)
    inputsOf.set(name, input)
    const sinkFaults = {
      before: fault(`${name} before its commit`),
      after: fault(`${name} after its commit`),
      write: fault(`${name} write`),
    }
    nodes.push(sinkNode(name, input, storedSink(held, sinkFaults)))
  })
  return {
    nodes,
    lists,
    stored,
    expected: () => new Map([...inputsOf].map(([sink, input]) => [sink, texts(made.get(input)!())])),
  }
}

/** Rows as sorted text, for comparing without their order. */
export const texts = (list: readonly TestRow[]): string[] => list.map(({ id, text }) => `${id} ${text}`).sort()

function transformOf(change: Change, random: Random, fault: () => void): Transform {
  const isSlow = random.chance(0.3)
  return {
    schema,
    ...(random.chance(0.3) && { concurrency: 1 + random.below(5) }),
    ...(random.chance(0.5) && { batching: { rows: 1 + random.below(60), wait: random.below(3) } }),
    async process(batches) {
      if (isSlow) await new Promise(resolve => setImmediate(resolve))
      fault()
      return batches.flatMap(batch => changed(batch, change))
    },
    close: async () => {},
  }
}

function changed(batch: Parameters<typeof rowsOf>[0], change: Change) {
  const list = (rowsOf(batch) as unknown as TestRow[]).flatMap(change)
  const built = batchOfRows(schema, list as unknown as Row[]).batch
  return built === undefined ? [] : [built]
}
