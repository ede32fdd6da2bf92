import { keyOf } from '../../topology/keys.ts'
import type { Topology, TopologyNode } from '../../topology/topology.ts'
import type { DynamicTable, NodeContext, SideOutput, Sink, Source, Stream, Transform } from '../contract.ts'
import { context } from '../errors.ts'
import { createWatermark } from './event-time.ts'

/** All nodes of a pipeline, opened in topological order. */
export interface OpenNodes {
  sources: ReadonlyMap<string, Source>
  transforms: ReadonlyMap<string, Transform>
  sinks: ReadonlyMap<string, Sink>
  /** what each node hands on; for a sink what it is given */
  streams: ReadonlyMap<string, Stream>
  /** side outputs by the node whose batches they see */
  sides: ReadonlyMap<string, readonly SideOutput[]>
  /** Closes all, the last opened first; says what went wrong with it. */
  close(): Promise<void>
}

interface Closing {
  name: string
  close(): Promise<void>
}

/** Opens all or nothing. Errors name the node. */
export async function openNodes(
  topology: Topology,
  contextOf: (node: TopologyNode) => NodeContext,
): Promise<OpenNodes> {
  const sources = new Map<string, Source>()
  const transforms = new Map<string, Transform>()
  const sinks = new Map<string, Sink>()
  const streams = new Map<string, Stream>()
  const tables = new Map<string, DynamicTable>()
  const sides = new Map<string, SideOutput[]>()
  const opened: Closing[] = []
  const see = (node: string, side: SideOutput) => sides.set(node, [...(sides.get(node) ?? []), side])

  /** Measures the rows of `stream`, which leave the node `from`. */
  function watch({ eventTime }: TopologyNode, from: string, { schema }: Stream, { metrics }: NodeContext): void {
    if (eventTime !== undefined) see(from, createWatermark(eventTime, schema, metrics))
  }

  async function openOne(node: TopologyNode): Promise<void> {
    const nodeContext = contextOf(node)
    const { name, config, primaryKey } = node
    switch (node.kind) {
      case 'source': {
        const source = await node.definition.open(config, nodeContext)
        opened.push({ name, close: () => source.close() })
        sources.set(name, source)
        const { schema, primaryKey: declared } = source
        const stream = { schema, primaryKey: keyOf(primaryKey, schema, { declared }) }
        streams.set(name, stream)
        watch(node, name, stream, nodeContext)
        for (const { id, open, options } of topology.sideOutputs) {
          const side = await open(stream, options, nodeContext)
          opened.push({ name: `${name}/${id}`, close: () => side.close() })
          see(name, side)
        }
        return
      }
      case 'table': {
        const input = node.inputs[0]
        const { table, fill } = await node.definition.open(
          config,
          input === undefined ? undefined : { name: input, ...streams.get(input)! },
          nodeContext,
        )
        opened.push({ name, close: () => table.close() })
        tables.set(name, table)
        if (fill !== undefined && input !== undefined) {
          opened.push({ name, close: () => fill.close() })
          see(input, fill)
        }
        return
      }
      case 'transform': {
        const inputs = new Map(node.inputs.map(input => [input, streams.get(input)!]))
        const transform = await node.definition.open(config, inputs, { ...nodeContext, tables, udfs: topology.udfs })
        opened.push({ name, close: () => transform.close() })
        transforms.set(name, transform)
        const { schema } = transform
        const stream = { schema, primaryKey: keyOf(primaryKey, schema, { inputs: [...inputs.values()] }) }
        streams.set(name, stream)
        watch(node, name, stream, nodeContext)
        return
      }
      case 'sink': {
        const input = streams.get(node.inputs[0])!
        const stream = { schema: input.schema, primaryKey: keyOf(primaryKey, input.schema, { inputs: [input] }) }
        streams.set(name, stream)
        const sink = await node.definition.open(config, stream, nodeContext)
        opened.push({ name, close: () => sink.close() })
        sinks.set(name, sink)
        watch(node, node.inputs[0], stream, nodeContext)
      }
    }
  }

  async function close(): Promise<void> {
    const failures: unknown[] = []
    for (const { name, close } of opened.splice(0).reverse())
      await close().catch(error => failures.push(context(`close '${name}'`, error)))
    if (failures.length > 0) throw failures[0]
  }

  try {
    for (const node of topology.nodes)
      await openOne(node).catch(error => {
        throw context(`${node.kind} '${node.name}'`, error)
      })
  } catch (error) {
    // what could not be opened is what there is to tell
    await close().catch(() => {})
    throw error
  }
  return { sources, transforms, sinks, streams, sides, close }
}
