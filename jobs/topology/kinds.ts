import type { SinkDefinition, SourceDefinition, TableDefinition, TransformDefinition } from '../runtime/contract.ts'
import type { LoadedPlugins } from '../runtime/plugin/load.ts'
import { sinks } from '../sinks/index.ts'
import { sources } from '../sources/index.ts'
import { tables, transforms } from '../transforms/index.ts'
import type { Section } from './parse.ts'

/** A definition with what it stands for; `type` may be the id of a plugin. */
export type AnyDefinition =
  | { kind: 'source'; definition: SourceDefinition }
  | { kind: 'transform'; definition: TransformDefinition }
  | { kind: 'table'; definition: TableDefinition }
  | { kind: 'sink'; definition: SinkDefinition }

export interface Kind {
  load(): Promise<AnyDefinition>
  /** what it opens is not known to be on this machine: `check` opens it only with `--connect` */
  plugin: boolean
}

/** Section → type → kind. */
export type Kinds = Readonly<Record<Section, ReadonlyMap<string, Kind>>>

/** What the plugins that the settings name bring. */
export type PluginParts = LoadedPlugins

export const noPlugins: PluginParts = {
  sources: [],
  transforms: [],
  sinks: [],
  udfs: [],
  preprocessors: new Map(),
  sideOutputs: new Map(),
}

/** Types of the model that there are not here, and what to say. */
export const absent: Readonly<Record<Section, Readonly<Record<string, string>>>> = {
  sources: {},
  transforms: {},
  sinks: { memory: "is for the model's own tests: use millrace test, or 'blackhole'" },
}

/** All types that a pipeline can name. A plugin may not take the type of a node of ours; its loader sees to that. */
export function kindsOf(plugins: PluginParts): Kinds {
  const own = <D>(
    registry: Readonly<Record<string, () => Promise<D>>>,
    wrap: (definition: D) => AnyDefinition,
  ): [string, Kind][] =>
    Object.entries(registry).map(([type, load]) => [type, { load: async () => wrap(await load()), plugin: false }])
  const others = <D extends { type: string }>(
    definitions: readonly D[],
    wrap: (definition: D) => AnyDefinition,
  ): [string, Kind][] =>
    definitions.map(definition => [definition.type, { load: async () => wrap(definition), plugin: true }])

  const source = (definition: SourceDefinition): AnyDefinition => ({ kind: 'source', definition })
  const transform = (definition: TransformDefinition): AnyDefinition => ({ kind: 'transform', definition })
  const table = (definition: TableDefinition): AnyDefinition => ({ kind: 'table', definition })
  const sink = (definition: SinkDefinition): AnyDefinition => ({ kind: 'sink', definition })
  return {
    sources: new Map([...own(sources, source), ...others(plugins.sources, source)]),
    transforms: new Map([
      ...own(transforms, transform),
      ...own(tables, table),
      ...others(plugins.transforms, transform),
    ]),
    sinks: new Map([...own(sinks, sink), ...others(plugins.sinks, sink)]),
  }
}
