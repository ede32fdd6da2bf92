import type {
  Plugin,
  SinkDefinition,
  SourceDefinition,
  TableDefinition,
  TransformDefinition,
  Udf,
} from '../runtime/contract.ts'

/**
 * A pipeline file that was read and found right: what the runtime runs. Types only. It holds nothing open, and knows no
 * schemas: sources may have changed until they are opened again.
 */
export interface Topology {
  /** as it was named on the command line */
  file: string
  /** `name:` of the file, or its base name without .yaml, .yml or .json: the last part of the state's namespace */
  name: string
  /**
   * All of them, in topological order: whatever a node reads stands before it. Dynamic tables stand before the
   * transforms that read the same node, so that all tables which a transform may look up are open when it is opened.
   */
  nodes: readonly TopologyNode[]
  sources: readonly SourceNode[]
  transforms: readonly TransformNode[]
  tables: readonly TableNode[]
  sinks: readonly SinkNode[]
  /** Throws where there is none. */
  node(name: string): TopologyNode
  /** Those that read the node, in topological order; a dynamic table that it fills is one. */
  consumers(name: string): readonly ConsumerNode[]
  /** what plugins bring beside nodes */
  udfs: readonly Udf[]
  /** those that `plugin.side_output_ids` names, in that order */
  sideOutputs: readonly NamedSideOutput[]
}

interface NodeBase {
  name: string
  type: string
  /** parsed by the definition's schema: with its defaults; what `definition.open` takes */
  config: unknown
  /** as the configuration has it; empty: see `keyOf` in `keys.ts` */
  primaryKey: readonly string[]
  /** `telemetry.labels` */
  labels: Readonly<Record<string, string>>
  /** `telemetry.event_time` */
  eventTime: EventTime | undefined
  place: Place
}

export interface SourceNode extends NodeBase {
  kind: 'source'
  definition: SourceDefinition
  inputs: readonly []
}

export interface TransformNode extends NodeBase {
  kind: 'transform'
  definition: TransformDefinition
  /** names of the nodes that it reads, at least one */
  inputs: readonly string[]
}

export interface TableNode extends NodeBase {
  kind: 'table'
  definition: TableDefinition
  /** the one node that fills it; none: only others write to it */
  inputs: readonly [] | readonly [string]
}

export interface SinkNode extends NodeBase {
  kind: 'sink'
  definition: SinkDefinition
  inputs: readonly [string]
}

export type TopologyNode = SourceNode | TransformNode | TableNode | SinkNode
export type ConsumerNode = Exclude<TopologyNode, SourceNode>

export interface EventTime {
  column: string
  /** needed for integer columns */
  unit?: 'seconds' | 'milliseconds' | 'microseconds' | undefined
}

export interface NamedSideOutput {
  id: string
  open: NonNullable<Plugin['sideOutputs']>[string]
  options: Parameters<NonNullable<Plugin['sideOutputs']>[string]>[1]
}

/** A place in a text, both from 1. */
export interface Place {
  line: number
  column: number
}
