import { setTimeout as sleep } from 'node:timers/promises'
import type { RecordBatch } from 'apache-arrow'
import type { Settings } from '../../settings.ts'
import type { Topology, TopologyNode } from '../../topology/topology.ts'
import type { Checkpoint, Position } from '../contract.ts'
import { context } from '../errors.ts'
import { createInbox, type Inbox, type Marker } from './inbox.ts'
import type { Meter } from './meter.ts'
import type { OpenNodes } from './nodes.ts'
import { createOutlet, type Outlet } from './outlet.ts'
import { runSink } from './sink-task.ts'
import { createSourceTask, type SourceTask } from './source-task.ts'
import { runTransform } from './transform-task.ts'

export interface WiringOptions {
  topology: Topology
  nodes: OpenNodes
  settings: Settings
  meterOf(node: string): Meter
  signal: AbortSignal
  /** whether the sink lacks the epoch */
  takes(sink: string, epoch: number): boolean
  checkpointOf(epoch: number): Checkpoint
  /** a node goes over to the epoch */
  enter(node: string, epoch: number): void
  /** the epoch that a node is in */
  epochOf(node: string): number
  answer(source: string, epoch: number, position: Position): void
  ended(source: string): void
  full(): void
  /** so many rows of a source are handed on now */
  handedOn(source: string, rows: number): void
  acked(sink: string, epoch: number): void
  moved(): void
  fail(error: unknown): void
}

/** The tasks of all nodes and the lanes between them. Transforms and sinks run from the start, sources when told. */
export interface Wiring {
  sources: ReadonlyMap<string, SourceTask>
  /** Lets the source's task run until its end. */
  run(source: string, task: (task: SourceTask) => Promise<void>): void
  /** Hands the source's readers a marker without any rows. */
  mark(source: string, marker: Marker): Promise<void>
  /** Gives rows to a node before all others; false where there is no such node, or it has no inbox. */
  inject(node: string, batch: RecordBatch): boolean
  /** Writes how much waits in front of each node into its meter. */
  measure(): void
  /** Resolves with the names of nodes whose tasks have not ended, in whatever way, after `ms`. */
  settled(ms: number): Promise<readonly string[]>
}

export function wireNodes(options: WiringOptions): Wiring {
  const { topology, nodes, settings, meterOf, signal, fail, moved } = options
  const inboxes = new Map<string, Inbox>()
  const outlets = new Map<string, Outlet>()
  const sources = new Map<string, SourceTask>()
  const running = new Map<Promise<void>, string>()

  function start(node: TopologyNode, task: Promise<void>): void {
    const watched = task.catch(error => {
      if (!signal.aborted) fail(context(`${node.kind} '${node.name}'`, error))
    })
    running.set(watched, node.name)
    void watched.then(() => running.delete(watched))
  }

  const targetsOf = (name: string) =>
    topology.consumers(name).flatMap(consumer => {
      const inbox = inboxes.get(consumer.name)
      const inputs: readonly string[] = consumer.inputs
      return inbox === undefined ? [] : [{ inbox, lane: inputs.indexOf(name) }]
    })

  const sourceTask = (name: string, outlet: Outlet): SourceTask =>
    createSourceTask({
      source: nodes.sources.get(name)!,
      outlet,
      meter: meterOf(name),
      signal,
      maxRows: settings.checkpoint_max_rows,
      maxBytes: settings.checkpoint_max_bytes,
      answer: (asked, position) => options.answer(name, asked, position),
      entered: epoch => options.enter(name, epoch),
      ended: () => options.ended(name),
      full: options.full,
      handedOn: rows => options.handedOn(name, rows),
    })

  for (const { kind, name, inputs } of topology.nodes)
    if (kind === 'transform' || kind === 'sink')
      inboxes.set(
        name,
        createInbox({
          lanes: inputs.length,
          batches: settings.internal_buffer_size,
          bytes: settings.internal_buffer_bytes,
          signal,
        }),
      )
  for (const { kind, name } of topology.nodes)
    if (kind === 'source' || kind === 'transform')
      outlets.set(name, createOutlet(targetsOf(name), nodes.sides.get(name) ?? [], meterOf(name), moved))

  for (const node of topology.nodes) {
    const { name, kind } = node
    const common = { inbox: inboxes.get(name)!, meter: meterOf(name), enter: (to: number) => options.enter(name, to) }
    if (kind === 'source') sources.set(name, sourceTask(name, outlets.get(name)!))
    else if (kind === 'transform') {
      const transform = nodes.transforms.get(name)!
      const onFailure = (error: unknown) => fail(context(`transform '${name}'`, error))
      start(
        node,
        runTransform({ ...common, transform, inputs: node.inputs, outlet: outlets.get(name)!, fail: onFailure }),
      )
    } else if (kind === 'sink')
      start(
        node,
        runSink({
          ...common,
          sink: nodes.sinks.get(name)!,
          epochOf: () => options.epochOf(name),
          takes: asked => options.takes(name, asked),
          checkpointOf: options.checkpointOf,
          acked: reached => options.acked(name, reached),
          moved,
        }),
      )
  }

  return {
    sources,
    run: (source, task) => start(topology.node(source), task(sources.get(source)!)),
    mark: (source, marker) => outlets.get(source)!.marker(marker),
    inject(node, batch) {
      inboxes.get(node)?.inject(0, batch)
      return inboxes.has(node)
    },
    measure() {
      for (const [name, inbox] of inboxes) meterOf(name).queued = inbox.queued
    },
    async settled(ms) {
      const enough = new AbortController()
      await Promise.race([Promise.all(running.keys()), sleep(ms, undefined, enough)])
      enough.abort()
      return [...running.values()]
    },
  }
}
