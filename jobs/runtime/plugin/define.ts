import type * as z from 'zod'
import type {
  NodeContext,
  Plugin,
  Sink,
  SinkDefinition,
  Source,
  Stream,
  Transform,
  TransformContext,
} from '../contract.ts'

/** The parts of a plugin, each with the type that its own schema gives to its options. */
export interface PluginSource<C> {
  config: z.ZodType<C>
  open(config: C, context: NodeContext): Promise<Source>
}

export interface PluginTransform<C> {
  config: z.ZodType<C>
  open(config: C, inputs: ReadonlyMap<string, Stream>, context: TransformContext): Promise<Transform>
}

export interface PluginSink<C> {
  config: z.ZodType<C>
  guarantee: SinkDefinition['guarantee']
  check(config: C, input: Stream, context: NodeContext): Promise<void>
  open(config: C, input: Stream, context: NodeContext): Promise<Sink>
}

/** As `Plugin` of the contract, but that each part's own options are typed. `S`, `T`, `K`: id → options. */
export interface PluginParts<S, T, K> extends Pick<Plugin, 'udfs' | 'preprocessors' | 'sideOutputs'> {
  sources?: { readonly [Id in keyof S]: PluginSource<S[Id]> }
  transforms?: { readonly [Id in keyof T]: PluginTransform<T[Id]> }
  sinks?: { readonly [Id in keyof K]: PluginSink<K[Id]> }
}

/**
 * What a plugin exports by default. The keys of `sources`, `transforms`, `sinks`, `preprocessors` and `sideOutputs` are
 * the ids: `namespace.operator`, or a name alone.
 */
export function definePlugin<S, T, K>(plugin: PluginParts<S, T, K>): Plugin {
  return plugin as Plugin
}
