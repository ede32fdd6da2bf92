import type { Settings } from '../../settings.ts'
import type { StateBackend } from '../../state/state.ts'
import type { Topology } from '../../topology/topology.ts'
import { recover, type SinkCheckpoints } from '../checkpoint/recover.ts'
import { openCheckpoints } from '../checkpoint/store.ts'
import type { Checkpoint, NodeLog, NodeMetrics, Position, Positions } from '../contract.ts'
import { context, PipelineError, toPipelineError } from '../errors.ts'
import { createContext } from './context.ts'
import { type Coordinator, createCoordinator } from './coordinator.ts'
import { createLetters } from './letters.ts'
import type { Meter } from './meter.ts'
import { type OpenNodes, openNodes } from './nodes.ts'

/** What stays the same over the attempts of a run. */
export interface CommonOptions {
  topology: Topology
  settings: Settings
  state: StateBackend
  jobMode: boolean
  /** forget positions and checkpoints first */
  reset: boolean
  /** of the whole pipeline, and of a node */
  log(node?: string): NodeLog
  metricsOf(node: string): NodeMetrics
  meterOf(node: string): Meter
  /** cuts everything off at once: what was not final is read again by the next attempt */
  signal: AbortSignal
  /** asks for one more checkpoint, and the end */
  drain: AbortSignal
  onEpoch?(epoch: number, seconds: number): void
}

export interface AttemptOptions extends CommonOptions {
  namespace: string
  /** all nodes are open; whether all sources come to an end */
  onOpen(bounded: boolean): void
}

export interface AttemptResult {
  /** the last final epoch */
  epoch: number
  /** how many of them this attempt made, without those that it read again */
  epochs: number
}

/** Runs a pipeline from its last checkpoint to its end. Rejects with the first failure, once all is closed. */
export async function runAttempt(options: AttemptOptions): Promise<AttemptResult> {
  const { topology, namespace, settings, state, jobMode, log, drain } = options
  const attempt = new AbortController()
  const signal = AbortSignal.any([attempt.signal, options.signal])
  const abort = (reason: unknown) => attempt.abort(reason)
  const letters = createLetters(settings.dead_letters, await state.countDeadLetters(namespace))
  const epochs = new Map<string, number>()
  let coordinator: Coordinator | undefined
  const onDrain = () => coordinator?.drain(String(drain.reason))

  const nodes = await openNodes(topology, ({ name, kind }) =>
    createContext({
      pipeline: namespace,
      name,
      settings,
      jobMode,
      signal,
      log: log(name),
      metrics: options.metricsOf(name),
      meter: options.meterOf(name),
      dead: row => (kind === 'source' ? letters.hold(name, row) : letters.add(name, epochs.get(name) ?? 0, row)),
      stop: reason => coordinator?.drain(`${name}: ${reason}`),
    }),
  )
  options.onOpen([...nodes.sources.values()].every(({ bounded }) => bounded))
  let failed = false
  try {
    if (options.reset) {
      await state.reset(namespace)
      for (const sink of nodes.sinks.values()) await sink.reset()
    }
    const exact = topology.sinks.filter(({ definition }) => definition.guarantee === 'exactly_once')
    const names = exact.map(({ name }) => name)
    const checkpoints = await openCheckpoints(state, namespace, names)
    const begun = await beginSinks(topology, nodes)
    for (const name of checkpoints.published)
      if (names.includes(name) && begun.get(name) === undefined) throw lost(name, checkpoints.saved.epoch)
    const { replays, epoch, at } = recover(checkpoints.saved, begun)
    const again = settings.restart === 'always' && checkpoints.done
    const starts = await startsOf(nodes, again ? {} : at)
    coordinator = createCoordinator({
      ...options,
      nodes,
      checkpoints,
      letters,
      signal,
      abort,
      log: log(),
      enter: (node, entered) => void epochs.set(node, entered),
      epochOf: node => epochs.get(node) ?? 0,
    })
    drain.addEventListener('abort', onDrain, { once: true })
    if (drain.aborted) onDrain()
    const reached = await coordinator.run(replays, epoch, { ...at, ...starts })
    return { epoch: reached, epochs: reached - epoch }
  } catch (error) {
    failed = true
    throw error
  } finally {
    drain.removeEventListener('abort', onDrain)
    abort(new Error('the attempt is over'))
    await nodes.close().catch(error => {
      // the failure that ended the attempt is what there is to tell
      if (!failed) throw error
      log().warn(toPipelineError(error).message)
    })
  }
}

/** Raises the fences, and asks the sinks how far they are. */
async function beginSinks(topology: Topology, nodes: OpenNodes): Promise<SinkCheckpoints> {
  const begun = new Map<string, Checkpoint | undefined>()
  for (const { name } of topology.sinks) {
    const begin = nodes.sinks.get(name)!.begin()
    begun.set(name, await begin.catch(error => Promise.reject(context(`sink '${name}': find its checkpoint`, error))))
  }
  return begun
}

/** Its rows are gone, too, or so it seems: going on from here would leave a hole that nobody sees. */
function lost(sink: string, epoch: number): PipelineError {
  return new PipelineError(
    'state',
    `sink '${sink}' has lost its checkpoint: the state has published epoch ${epoch} to it, and it knows of none (was its table, file or folder removed?). Put it back, start with --reset to read everything again, or give the sink another name to begin with what comes from now on`,
  )
}

/** Where each source goes on: as it was left, or at its start where it is new. */
async function startsOf(nodes: OpenNodes, at: Positions): Promise<Positions> {
  const starts: Record<string, Position> = {}
  for (const [name, source] of nodes.sources) {
    const find = () => source.start().catch(error => Promise.reject(context(`source '${name}': find its start`, error)))
    starts[name] = at[name] ?? (await find())
  }
  return starts
}
