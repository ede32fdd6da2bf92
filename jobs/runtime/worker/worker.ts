import { parentPort, workerData } from 'node:worker_threads'
import { openState } from '../../state/index.ts'
import { loadTopology } from '../../topology/load.ts'
import { formatProblem, PipelineProblems } from '../../topology/problem.ts'
import type { Topology } from '../../topology/topology.ts'
import type { NodeLog } from '../contract.ts'
import { toPipelineError } from '../errors.ts'
import { createMeter, type Meter } from '../run/meter.ts'
import { namespaceOf, runPipeline } from '../run/run.ts'
import { createCustomMetrics } from './custom.ts'
import type { Failure, FromWorker, PipelineStatus, ToWorker, WorkerInput } from './messages.ts'

/** The worker of one pipeline: reads it, says that it can run, and runs it when told. */

const port = parentPort!
const { file, settings, jobMode, reset } = workerData as WorkerInput
const post = (message: FromWorker) => port.postMessage(message)
const cut = new AbortController()
const drain = new AbortController()
const go = Promise.withResolvers<void>()

port.on('message', (message: ToWorker) => {
  if (message.type === 'go') go.resolve()
  else if (message.type === 'drain') drain.abort(message.reason)
  else cut.abort(new Error(message.reason))
  // before it runs there is nothing to drain
  if (message.type !== 'go') go.resolve()
})

const logOf = (node = ''): NodeLog => {
  const at = (level: 'debug' | 'info' | 'warn') => (message: string) => post({ type: 'log', level, node, message })
  return { debug: at('debug'), info: at('info'), warn: at('warn') }
}

async function main(): Promise<void> {
  const { topology, warnings } = await loadTopology({ file, settings, connect: true })
  const nodes = topology.nodes.map(({ name, kind, type, labels }) => ({ name, kind, type, labels }))
  post({ type: 'ready', info: { name: topology.name, nodes }, warnings: warnings.map(formatProblem) })
  await go.promise
  if (cut.signal.aborted) return
  await run(topology)
}

async function run(topology: Topology): Promise<void> {
  const state = await openState(settings, {
    waiting: {
      onAway: ({ message }) => logOf().warn(`the state cannot be reached, and is waited for: ${message}`),
      onBack: () => logOf().info('the state can be reached again'),
    },
  })
  const meters = new Map<string, Meter>(topology.nodes.map(({ name }) => [name, createMeter()]))
  const custom = createCustomMetrics(logOf().warn)
  const figures = {
    epoch: 0,
    epochs: 0,
    epochSeconds: 0,
    restarts: 0,
    lastError: null as string | null,
    deadLetters: 0,
  }
  const status = (): PipelineStatus => ({
    ...figures,
    meters: Object.fromEntries(meters),
    stateIsAway: state.isAway ?? false,
    custom: custom.snapshot(),
  })
  const namespace = namespaceOf(settings, topology.name)
  let isCounting = false
  const report = async () => {
    // one count at a time: it may wait for a server that is away, and the figures go on meanwhile
    if (!isCounting) {
      isCounting = true
      try {
        figures.deadLetters = await state.countDeadLetters(namespace)
      } finally {
        isCounting = false
      }
    }
    post({ type: 'status', status: status() })
  }
  const timer = setInterval(() => void report().catch(error => logOf().debug(toPipelineError(error).message)), 1000)
  try {
    const result = await runPipeline({
      topology,
      settings,
      state,
      jobMode,
      reset,
      log: logOf,
      metricsOf: custom.metricsOf,
      meterOf: node => meters.get(node)!,
      signal: cut.signal,
      drain: drain.signal,
      onEpoch(epoch, seconds) {
        figures.epoch = epoch
        figures.epochs++
        figures.epochSeconds += seconds
      },
      onRestart({ message }) {
        figures.restarts++
        figures.lastError = message
      },
    })
    for (const [name, { dead }] of meters)
      if (dead > 0) logOf(name).warn(`${dead} ${dead === 1 ? 'row' : 'rows'} became dead letters in this run`)
    figures.deadLetters = await state.countDeadLetters(namespace)
    post({ type: 'ended', epoch: result.epoch || figures.epoch, epochs: figures.epochs, status: status() })
  } finally {
    clearInterval(timer)
    await state.close()
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof PipelineProblems) {
    return { code: 'bad_pipeline', message: error.message, problems: error.problems.map(formatProblem) }
  }
  const { code, message } = toPipelineError(error)
  return { code, message, problems: [] }
}

await main().catch(error => post({ type: 'failed', failure: failureOf(error) }))
// rows on their way to stdout come first
await new Promise<void>(resolve => process.stdout.write('', () => resolve()))
port.close()
