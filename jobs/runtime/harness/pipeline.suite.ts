import { Field, Int64, Schema, Utf8 } from 'apache-arrow'
import * as z from 'zod'
import { type Settings, settingsSchema } from '../../settings.ts'
import type { StateBackend } from '../../state/state.ts'
import type { SinkNode, SourceNode, Topology, TopologyNode, TransformNode } from '../../topology/topology.ts'
import { batchOfRows } from '../batch/build.ts'
import { rowsOf } from '../batch/rows.ts'
import type { Checkpoint, NodeLog, NodeMetrics, Sink, Source, Transform } from '../contract.ts'
import { PipelineError } from '../errors.ts'
import { createMeter } from '../run/meter.ts'
import { type RunOptions, runPipeline } from '../run/run.ts'

/** Small nodes and topologies in memory, for tests of the runtime alone. */

export const schema = new Schema([new Field('id', new Int64(), false), new Field('text', new Utf8(), true)])

export interface TestRow {
  id: number
  text: string
}

export const rows = (count: number, from = 0): TestRow[] =>
  Array.from({ length: count }, (_, at) => ({ id: from + at, text: `row ${from + at}` }))

/** A list of rows as a source; position: how many were read. `more` makes it live: it ends when `close` is called. */
export function listSource(
  list: TestRow[],
  { batch = 7, live = false }: { batch?: number | (() => number); live?: boolean } = {},
) {
  let wake: (() => void) | undefined
  const feed = {
    add(...added: TestRow[]) {
      list.push(...added)
      wake?.()
    },
    finalized: [] as number[],
    reads: [] as { from: number; to: number | undefined }[],
  }
  const open = async (): Promise<Source> => ({
    schema,
    bounded: !live,
    start: async () => ({ list: 0 }),
    read(from, to) {
      let at = from.list as number
      const end = to === undefined ? undefined : (to.list as number)
      let closed = false
      feed.reads.push({ from: at, to: end })
      return {
        async next() {
          while (at >= (end ?? list.length)) {
            if (end !== undefined || !live || closed) return undefined
            await new Promise<void>(resolve => {
              wake = resolve
            })
          }
          const size = typeof batch === 'number' ? batch : batch()
          const part = list.slice(at, Math.min(at + size, end ?? list.length))
          at += part.length
          return {
            batch: batchOfRows(
              schema,
              part.map(row => ({ ...row })),
            ).batch!,
            position: { list: at },
          }
        },
        async close() {
          closed = true
          wake?.()
        },
      }
    },
    finalized: async position => void feed.finalized.push(position.list as number),
    close: async () => {},
  })
  return { ...feed, feed, open }
}

/** What an exactly_once sink keeps where no crash reaches it. */
export interface Stored {
  rows: TestRow[]
  checkpoint: Checkpoint | undefined
  fence: number
  commits: number[]
}

export const createStored = (): Stored => ({ rows: [], checkpoint: undefined, fence: 0, commits: [] })

/** `before` and `after` a commit may throw: a crash with and without the answer. */
export function storedSink(stored: Stored, faults: { write?(): void; before?(): void; after?(): void } = {}) {
  return async (): Promise<Sink> => {
    let staged: TestRow[] = []
    let fence = 0
    return {
      async begin() {
        fence = ++stored.fence
        return stored.checkpoint
      },
      async write(batch) {
        faults.write?.()
        staged.push(...(rowsOf(batch) as unknown as TestRow[]))
      },
      async commit(checkpoint) {
        if (stored.fence !== fence) throw new PipelineError('fenced', 'a newer run took over')
        faults.before?.()
        stored.rows.push(...staged)
        stored.checkpoint = checkpoint
        stored.commits.push(checkpoint.epoch)
        staged = []
        faults.after?.()
      },
      reset: async () => {
        stored.checkpoint = undefined
      },
      close: async () => {},
    }
  }
}

const base = { config: {}, primaryKey: ['id'], labels: {}, eventTime: undefined, place: { line: 1, column: 1 } }
const config = z.unknown()

export const sourceNode = (name: string, open: () => Promise<Source>): SourceNode => ({
  ...base,
  kind: 'source',
  name,
  type: 'test',
  inputs: [],
  definition: { type: 'test', config, open },
})

export const transformNode = (
  name: string,
  inputs: readonly string[],
  open: () => Promise<Transform>,
): TransformNode => ({
  ...base,
  kind: 'transform',
  name,
  type: 'test',
  inputs,
  definition: { type: 'test', config, inputs: () => inputs, open },
})

export const sinkNode = (
  name: string,
  input: string,
  open: () => Promise<Sink>,
  guarantee: 'exactly_once' | 'at_least_once' = 'exactly_once',
): SinkNode => ({
  ...base,
  kind: 'sink',
  name,
  type: 'test',
  inputs: [input],
  definition: { type: 'test', config, guarantee, check: async () => {}, open },
})

/** Nodes in topological order. */
export function topologyOf(nodes: readonly TopologyNode[], name = 'test'): Topology {
  const of = <K extends TopologyNode['kind']>(kind: K) =>
    nodes.filter((node): node is Extract<TopologyNode, { kind: K }> => node.kind === kind)
  return {
    file: `${name}.yaml`,
    name,
    nodes,
    sources: of('source'),
    transforms: of('transform'),
    tables: of('table'),
    sinks: of('sink'),
    node(wanted) {
      const found = nodes.find(candidate => candidate.name === wanted)
      if (found === undefined) throw new Error(`there is no node ${wanted}`)
      return found
    },
    consumers: wanted =>
      nodes.filter(
        (node): node is Exclude<TopologyNode, SourceNode> =>
          node.kind !== 'source' && (node.inputs as readonly string[]).includes(wanted),
      ),
    udfs: [],
    sideOutputs: [],
  }
}

type SettingsInput = z.input<typeof settingsSchema>

export const testSettings = (overrides: SettingsInput = {}): Settings =>
  settingsSchema.parse({ checkpoint_interval_sec: 0.01, state_backend: { backend_type: 'InMemory' }, ...overrides })

export const silent: NodeLog = { debug() {}, info() {}, warn() {} }
export const noMetrics: NodeMetrics = { count() {}, gauge() {}, latency() {} }

export function createMeters() {
  const meters = new Map<string, ReturnType<typeof createMeter>>()
  return (name: string) => {
    const meter = meters.get(name) ?? createMeter()
    meters.set(name, meter)
    return meter
  }
}

/** Runs a pipeline in this thread, as a job that nobody hears. */
export function run(
  topology: Topology,
  state: StateBackend,
  { settings, ...rest }: Omit<Partial<RunOptions>, 'settings'> & { settings?: SettingsInput } = {},
): ReturnType<typeof runPipeline> {
  return runPipeline({
    topology,
    settings: testSettings(settings),
    state,
    jobMode: true,
    reset: false,
    log: () => silent,
    metricsOf: () => noMetrics,
    meterOf: createMeters(),
    signal: new AbortController().signal,
    drain: new AbortController().signal,
    ...rest,
  } as RunOptions)
}
