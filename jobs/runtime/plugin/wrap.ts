import type * as z from 'zod'
import type { Plugin, SinkDefinition, SourceDefinition, TransformDefinition } from '../contract.ts'
import { sinkKeys, sourceKeys, transformKeys } from '../keys.ts'
import type { EnvironmentOption } from './environment.ts'
import { fieldsOf, type NodeConfig, nodeSchema } from './options.ts'
import { requireMethods } from './shape.ts'

/** Parts of plugins as definitions of nodes, which take the keys of all nodes beside the plugin's own. */

export interface Place {
  id: string
  file: string
  /** options for these keys, and others, in the environment */
  environment(keys: string[]): readonly EnvironmentOption[]
}

type Part<K extends 'sources' | 'transforms' | 'sinks'> = NonNullable<Plugin[K]>[string]
type Config = NodeConfig<unknown>

const what = (kind: string, { id, file }: Place) => `${kind} '${id}' of plugin ${file}`

function schemaOf(own: z.ZodType, common: Readonly<Record<string, z.ZodType>>, place: Place): z.ZodType<Config> {
  return nodeSchema(own, common, () => place.environment(Object.keys(fieldsOf(own))))
}

export function wrapSource(part: Part<'sources'>, place: Place): SourceDefinition {
  return {
    type: place.id,
    config: schemaOf(part.config, sourceKeys, place),
    open: async (config, context) =>
      requireMethods(what('source', place), await part.open((config as Config).options, context), [
        'start',
        'read',
        'close',
      ]),
  }
}

export function wrapTransform(part: Part<'transforms'>, place: Place): TransformDefinition {
  return {
    type: place.id,
    config: schemaOf(part.config, transformKeys, place),
    inputs: config => [(config as { from: string }).from],
    open: async (config, inputs, context) =>
      requireMethods(what('transform', place), await part.open((config as Config).options, inputs, context), [
        'process',
        'close',
      ]),
  }
}

export function wrapSink(part: Part<'sinks'>, place: Place): SinkDefinition {
  return {
    type: place.id,
    config: schemaOf(part.config, sinkKeys, place),
    guarantee: part.guarantee,
    check: (config, input, context) => part.check((config as Config).options, input, context),
    open: async (config, input, context) =>
      requireMethods(what('sink', place), await part.open((config as Config).options, input, context), [
        'begin',
        'write',
        'commit',
        'reset',
        'close',
      ]),
  }
}
