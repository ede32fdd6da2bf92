import type { PipelineDeadLetter, StateBackend } from '../../state/state.ts'
import { batchOfRows, type Row } from '../batch/build.ts'
import { type Effect, type Event, initial, type State, step } from '../checkpoint/machine.ts'
import type { Replay } from '../checkpoint/recover.ts'
import type { CheckpointStore } from '../checkpoint/store.ts'
import type { Checkpoint, NodeLog, Positions } from '../contract.ts'
import { toPipelineError } from '../errors.ts'
import type { Letters } from './letters.ts'
import { type Wiring, type WiringOptions, wireNodes } from './wiring.ts'

export interface CoordinatorOptions
  extends Pick<WiringOptions, 'topology' | 'nodes' | 'settings' | 'meterOf' | 'enter' | 'epochOf' | 'signal'> {
  namespace: string
  state: StateBackend
  checkpoints: CheckpointStore
  letters: Letters
  log: NodeLog
  /** Cuts the attempt off: all that waits rejects. */
  abort(reason: unknown): void
  onEpoch?(epoch: number, seconds: number): void
}

export interface Coordinator {
  /**
   * Reads `replays` again, and then on from `at` (after `epoch`) to the end of all sources, or of a drain. Gives the
   * last final epoch. Rejects with the first failure.
   */
  run(replays: readonly Replay[], epoch: number, at: Positions): Promise<number>
  /** One more checkpoint, and the end. */
  drain(reason: string): void
}

/** Drives the checkpoint machine: performs its effects, and tells it what happens. */
export function createCoordinator(options: CoordinatorOptions): Coordinator {
  const { topology, nodes, settings, namespace, state, checkpoints, letters, log, signal, abort } = options
  const sourceNames = topology.sources.map(({ name }) => name)
  const sinkNames = topology.sinks.map(({ name }) => name)
  const plans = new Map<number, Checkpoint>()
  const takers = new Map<number, ReadonlySet<string>>()
  const ended = Promise.withResolvers<void>()
  let machine: State = initial(sourceNames, sinkNames, 0, {})
  let wiring: Wiring
  let lastMove = performance.now()
  let began = lastMove
  let timer: NodeJS.Timeout | undefined
  /** a source waits for the next marker */
  let isFull = false
  /** letters that are tried again in the epoch under way */
  let retried: readonly number[] = []
  /** there are more of them than one epoch takes */
  let moreMarked = false
  /** letters that cannot be tried again, and were told of */
  const hopeless = new Set<number>()
  let replaying: { epoch: number; final(): void } | undefined
  let drainReason: string | undefined
  let isLive = false
  let rowsLeft = settings.num_records_before_stop ?? Number.POSITIVE_INFINITY
  // awaited below, unless the attempt is cut off before
  ended.promise.catch(() => {})

  function moved(): void {
    lastMove = performance.now()
  }

  function send(event: Event): void {
    moved()
    const [next, effects] = step(machine, event)
    machine = next
    for (const effect of effects) perform(effect)
  }

  const fail = (error: unknown): void => send({ type: 'failed', error: toPipelineError(error) })

  function perform(effect: Effect): void {
    const tasks = wiring.sources.values()
    switch (effect.do) {
      case 'ask':
        clearTimeout(timer)
        for (const task of tasks) task.ask(effect.epoch)
        break
      case 'resume':
        for (const task of tasks) task.resume()
        schedule()
        break
      case 'record': {
        const { epoch } = effect.checkpoint
        plans.set(epoch, effect.checkpoint)
        settle(checkpoints.record(effect.checkpoint, retried), { type: 'recorded', epoch })
        break
      }
      case 'mark':
        isFull = false
        // a replay hands on its markers by itself
        if (replaying === undefined) for (const task of tasks) task.mark(effect.epoch, effect.last)
        break
      case 'close':
        settle(close(effect.checkpoint), { type: 'final', epoch: effect.checkpoint.epoch })
        break
      case 'announce':
        announce(effect.checkpoint)
        break
      case 'end':
        ended.resolve()
        break
      case 'fail':
        ended.reject(effect.error)
        abort(effect.error)
        break
      case 'warn':
        log.warn(effect.message)
    }
  }

  function settle(work: Promise<void>, event: Event): void {
    work.then(() => send(event), fail)
  }

  async function close(checkpoint: Checkpoint): Promise<void> {
    const { epoch } = checkpoint
    const atEnd = sourceNames.every(name => machine.ended.has(name))
    await checkpoints.close(checkpoint, letters.of(epoch), retried, atEnd)
    letters.stored(epoch, retried.length)
    retried = []
  }

  function announce({ epoch, to }: Checkpoint): void {
    plans.delete(epoch)
    takers.delete(epoch)
    const now = performance.now()
    options.onEpoch?.(epoch, (now - began) / 1000)
    const late = (node: string) => (error: unknown) =>
      log.warn(`${node}, after epoch ${epoch}: ${toPipelineError(error).message}`)
    for (const [name, source] of nodes.sources) source.finalized?.(to[name] ?? {}).catch(late(`source '${name}'`))
    for (const [name, transform] of nodes.transforms) transform.finalized?.(epoch).catch(late(`transform '${name}'`))
    for (const [name, sink] of nodes.sinks) sink.finalized?.(epoch).catch(late(`sink '${name}'`))
    if (replaying?.epoch === epoch) replaying.final()
    else if (isFull || moreMarked) due()
    else schedule()
  }

  function schedule(): void {
    clearTimeout(timer)
    timer = setTimeout(due, settings.checkpoint_interval_sec * 1000)
  }

  function due(): void {
    began = performance.now()
    checkpoint().catch(fail)
  }

  /** Time for a checkpoint: dead letters that were marked come first, so that they are part of it. */
  async function checkpoint(): Promise<void> {
    if (machine.name !== 'idle') return
    const { letters: marked, next } = await state.deadLetters(namespace, { marked: true, limit: 1000 })
    // another one began, or the end came, while the state was asked
    if (machine.name !== 'idle') return
    moreMarked = next !== null
    retried = inject(marked)
    const wanted = [...nodes.sinks.values()].some(sink => sink.due?.() === true)
    send({ type: 'due', forced: retried.length > 0 || wanted })
  }

  /** Hands rows to the nodes that could not take them; gives the ids of those that could be. */
  function inject(marked: readonly PipelineDeadLetter[]): number[] {
    return marked.flatMap(letter => {
      const problem = injectOne(letter)
      if (problem === undefined) return [letter.id]
      if (!hopeless.has(letter.id))
        log.warn(`dead letter ${letter.id} of node '${letter.node}' is not tried again: ${problem}`)
      hopeless.add(letter.id)
      return []
    })
  }

  function injectOne({ node: name, row, retryable }: PipelineDeadLetter): string | undefined {
    if (!retryable) return 'it is no whole row'
    const input = topology.nodes.find(node => node.name === name)?.inputs[0]
    const schema = input === undefined ? undefined : nodes.streams.get(input)?.schema
    if (schema === undefined) return 'the pipeline has no such node that reads rows'
    const { batch, refused } = batchOfRows(schema, [JSON.parse(row) as Row])
    if (batch === undefined) return refused[0]?.message ?? 'it has no value'
    return wiring.inject(name, batch) ? undefined : 'a dynamic table takes no rows back'
  }

  /** Reads a planned epoch again, and waits until it is final. */
  async function replay({ checkpoint, takers: lacking, letters: ids }: Replay): Promise<void> {
    const { epoch, from, to } = checkpoint
    log.info(`epoch ${epoch} is read again${lacking.length === 0 ? '' : `, for ${lacking.join(', ')}`}`)
    machine = initial(sourceNames, sinkNames, epoch - 1, from)
    plans.set(epoch, checkpoint)
    takers.set(epoch, new Set(lacking))
    for (const { name } of topology.nodes) options.enter(name, epoch)
    const { letters: marked } = await state.deadLetters(namespace, { marked: true, limit: 1000 })
    retried = inject(marked.filter(({ id }) => ids.includes(id)))
    const final = new Promise<void>(resolve => {
      replaying = { epoch, final: resolve }
    })
    send({ type: 'begin', checkpoint })
    for (const [name, source] of nodes.sources) {
      const begin = from[name] ?? (await source.start())
      const end = to[name]
      // a source that came since has nothing in this epoch
      wiring.run(name, task =>
        end === undefined ? wiring.mark(name, { epoch, last: false }) : task.replay(begin, end, epoch),
      )
    }
    await Promise.race([final, ended.promise])
    replaying = undefined
  }

  function watch(): NodeJS.Timeout {
    const limit = settings.checkpoint_timeout_sec
    const look = () => {
      wiring.measure()
      // a node or state that waits for its server makes no progress, and says so by itself
      if (state.isAway || topology.nodes.some(({ name }) => options.meterOf(name).degraded)) moved()
      else if ((performance.now() - lastMove) / 1000 > limit) send({ type: 'stalled', seconds: limit })
    }
    return setInterval(look, Math.min(limit * 250, 1000))
  }

  async function follow(epoch: number, at: Positions): Promise<void> {
    machine = initial(sourceNames, sinkNames, epoch, at)
    for (const { name } of topology.nodes) options.enter(name, epoch + 1)
    const { letters: marked, next } = await state.deadLetters(namespace, { marked: true, limit: 1000 })
    for (const name of sourceNames) wiring.run(name, task => task.run(at[name] ?? {}))
    schedule()
    isLive = true
    // also where the sources have nothing new
    moreMarked = next !== null
    retried = inject(marked)
    if (retried.length > 0) send({ type: 'due', forced: true })
    if (drainReason !== undefined) send({ type: 'drain' })
    await ended.promise
  }

  function drain(reason: string): void {
    if (drainReason !== undefined) return
    log.info(`drains: ${reason}`)
    drainReason = reason
    // a replay ends first
    if (isLive) send({ type: 'drain' })
  }

  /** A drain is a good end, but none of the work. */
  function tellOfLeftRows(): void {
    const left = sourceNames.filter(name => nodes.sources.get(name)!.bounded && !machine.ended.has(name))
    if (left.length > 0)
      log.warn(
        `ended before all rows of ${left.map(name => `'${name}'`).join(', ')} were read: the next run goes on behind them`,
      )
  }

  return {
    drain,
    async run(replays, epoch, at) {
      wiring = wireNodes({
        ...options,
        takes: (sink, asked) => takers.get(asked)?.has(sink) ?? true,
        checkpointOf: asked => plans.get(asked)!,
        answer: (source, asked, position) => send({ type: 'position', source, epoch: asked, position }),
        ended: source => send({ type: 'ended', source }),
        full: () => {
          isFull = true
          due()
        },
        handedOn: (source, rows) => {
          letters.accept(source, options.epochOf(source))
          rowsLeft -= rows
          if (rowsLeft <= 0) drain('num_records_before_stop')
        },
        acked: (sink, reached) => send({ type: 'ack', sink, epoch: reached }),
        moved,
        fail,
      })
      const watching = watch()
      const cut = () => ended.reject(signal.reason)
      signal.addEventListener('abort', cut, { once: true })
      try {
        for (const next of replays) await replay(next)
        signal.throwIfAborted()
        await follow(epoch, at)
        tellOfLeftRows()
        return machine.epoch
      } finally {
        signal.removeEventListener('abort', cut)
        clearInterval(watching)
        clearTimeout(timer)
        abort(new Error('the attempt is over'))
        const stuck = await wiring.settled(Math.min(5, settings.checkpoint_timeout_sec) * 1000)
        // its fence is raised by the next attempt: nothing that it does later counts
        for (const name of stuck) log.warn(`node '${name}' does not answer: it is left behind`)
      }
    },
  }
}
