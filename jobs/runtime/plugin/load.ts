import { sinks as ownSinks } from '../../sinks/index.ts'
import { sources as ownSources } from '../../sources/index.ts'
import { tables as ownTables, transforms as ownTransforms } from '../../transforms/index.ts'
import type { Plugin, SinkDefinition, SourceDefinition, TransformDefinition, Udf } from '../contract.ts'
import { PipelineError } from '../errors.ts'
import { type Environment, environmentOptions } from './environment.ts'
import { findModules } from './find.ts'
import { loadModule } from './module.ts'
import { wrapSink, wrapSource, wrapTransform } from './wrap.ts'

/** All parts of all plugins. Definitions are as those of our own nodes, and take the keys that all nodes have. */
export interface LoadedPlugins {
  sources: readonly SourceDefinition[]
  transforms: readonly TransformDefinition[]
  sinks: readonly SinkDefinition[]
  udfs: readonly Udf[]
  preprocessors: ReadonlyMap<string, NonNullable<Plugin['preprocessors']>[string]>
  sideOutputs: ReadonlyMap<string, NonNullable<Plugin['sideOutputs']>[string]>
}

export interface LoadOptions {
  /** where relative paths and packages are looked for; default: the working folder */
  cwd?: string
  environment?: Environment
}

/** Loads what `plugin.path` names. Throws `bad_pipeline` that names the file, and for an id that is taken both files. */
export async function loadPlugins(
  paths: readonly string[],
  { cwd = process.cwd(), environment = process.env }: LoadOptions = {},
): Promise<LoadedPlugins> {
  const taken = new Map<string, string>([
    ...Object.keys(ownSources).map(type => [`source ${type}`, 'millrace itself'] as const),
    ...Object.keys({ ...ownTransforms, ...ownTables }).map(type => [`transform ${type}`, 'millrace itself'] as const),
    ...Object.keys(ownSinks).map(type => [`sink ${type}`, 'millrace itself'] as const),
  ])
  const sources: SourceDefinition[] = []
  const transforms: TransformDefinition[] = []
  const sinks: SinkDefinition[] = []
  const udfs: Udf[] = []
  const preprocessors: [string, NonNullable<Plugin['preprocessors']>[string]][] = []
  const sideOutputs: [string, NonNullable<Plugin['sideOutputs']>[string]][] = []

  for (const file of findModules(paths, cwd)) {
    const plugin = await loadModule(file)
    const claim = (kind: string, id: string): void => {
      const other = taken.get(`${kind} ${id}`)
      if (other !== undefined)
        throw new PipelineError(
          'bad_pipeline',
          `plugin ${file}: the ${kind} '${id}' is also one of ${other}: rename one`,
        )
      taken.set(`${kind} ${id}`, file)
    }
    const each = <T>(
      kind: string,
      parts: Readonly<Record<string, T>> | undefined,
      add: (id: string, part: T) => void,
    ) => {
      for (const [id, part] of Object.entries(parts ?? {})) {
        claim(kind, id)
        add(id, part)
      }
    }
    const place = (id: string) => ({
      id,
      file,
      environment: (keys: string[]) => environmentOptions(id, keys, environment),
    })
    each('source', plugin.sources, (id, part) => sources.push(wrapSource(part, place(id))))
    each('transform', plugin.transforms, (id, part) => transforms.push(wrapTransform(part, place(id))))
    each('sink', plugin.sinks, (id, part) => sinks.push(wrapSink(part, place(id))))
    each('preprocessor', plugin.preprocessors, (id, part) => preprocessors.push([id, part]))
    each('side output', plugin.sideOutputs, (id, part) => sideOutputs.push([id, part]))
    for (const udf of plugin.udfs ?? []) {
      // SQL does not tell names apart by case
      claim('function', udf.name.toLowerCase())
      udfs.push(udf)
    }
  }
  return { sources, transforms, sinks, udfs, preprocessors: new Map(preprocessors), sideOutputs: new Map(sideOutputs) }
}
