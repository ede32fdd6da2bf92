import type { Settings } from '../settings.ts'
import { inspect } from './inspect.ts'
import { noPlugins, type PluginParts } from './kinds.ts'
import { type Plan, planPipeline } from './plan.ts'
import { type Problem, sortProblems } from './problem.ts'
import type { Topology, TopologyNode } from './topology.ts'

export interface CheckOptions {
  text: string
  /** as problems name it */
  file: string
  settings: Settings
  /** what `plugin.path` of the settings names; default none */
  plugins?: PluginParts
  /** default false: nodes of plugins, which may talk to a server, are not opened */
  connect?: boolean
  /** what a server or file is that cannot be reached just now, default an error */
  unreachable?: Problem['severity']
}

export interface Checked {
  /** all that is wrong, in the order of the file */
  problems: readonly Problem[]
  /** undefined where a problem is an error */
  topology: Topology | undefined
}

/** Looks at a pipeline as a whole. Never throws for what is wrong with it. Nothing stays open. */
export async function checkPipeline(options: CheckOptions): Promise<Checked> {
  const { settings, plugins = noPlugins, connect = false, unreachable = 'error' } = options
  const plan = await planPipeline({ text: options.text, file: options.file, settings, plugins })
  const seen = await inspect(plan, { settings, plugins, connect, unreachable })
  const problems = sortProblems([...plan.problems, ...seen])
  const isRight = problems.every(({ severity }) => severity === 'warning')
  return { problems, topology: isRight ? topologyOf(plan, options.file, settings, plugins) : undefined }
}

export function topologyOf(plan: Plan, file: string, settings: Settings, plugins: PluginParts): Topology {
  const nodes = plan.nodes.map(
    ({ kind, definition, raw, config, primaryKey, labels, eventTime, inputs }) =>
      ({
        kind,
        definition,
        name: raw.name,
        type: raw.type,
        config,
        inputs,
        primaryKey,
        labels,
        eventTime,
        place: raw.place,
      }) as TopologyNode,
  )
  const byName = new Map(nodes.map(node => [node.name, node]))
  return {
    file,
    name: plan.name,
    nodes,
    sources: nodes.filter(node => node.kind === 'source'),
    transforms: nodes.filter(node => node.kind === 'transform'),
    tables: nodes.filter(node => node.kind === 'table'),
    sinks: nodes.filter(node => node.kind === 'sink'),
    node: name => {
      const node = byName.get(name)
      if (node === undefined) throw new Error(`pipeline '${plan.name}' has no node '${name}'`)
      return node
    },
    consumers: name =>
      nodes.filter(node => node.kind !== 'source').filter(node => (node.inputs as readonly string[]).includes(name)),
    udfs: plugins.udfs,
    sideOutputs: settings.plugin.side_output_ids.flatMap(id => {
      const open = plugins.sideOutputs.get(id)
      return open === undefined ? [] : [{ id, open, options: settings.plugin.side_output_options[id] ?? {} }]
    }),
  }
}
