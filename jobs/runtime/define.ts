import type { SinkDefinition, SourceDefinition, TransformDefinition } from './contract.ts'

/** These give a node's definition its types; the registries hold them. */
export const defineSource = <C>(definition: SourceDefinition<C>): SourceDefinition<C> => definition
export const defineTransform = <C>(definition: TransformDefinition<C>): TransformDefinition<C> => definition
export const defineSink = <C>(definition: SinkDefinition<C>): SinkDefinition<C> => definition
