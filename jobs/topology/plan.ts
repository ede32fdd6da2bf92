import { basename } from 'node:path'
import { PipelineError } from '../runtime/errors.ts'
import type { Settings } from '../settings.ts'
import { type ConfiguredNode, configure, seemsToRead } from './configure.ts'
import { buildGraph, type GraphNode } from './graph.ts'
import { type Kinds, kindsOf, type PluginParts } from './kinds.ts'
import { parsePipeline, type RawNode } from './parse.ts'
import { type Problem, problemOf } from './problem.ts'

/** A pipeline as far as its text alone tells. */
export interface Plan {
  /** as problems name it: marked where preprocessors changed the text, so that lines are theirs */
  file: string
  name: string
  /** those whose keys are right, in topological order */
  nodes: readonly PlannedNode[]
  /** dynamic tables of the file, also those that are broken */
  tables: readonly string[]
  problems: readonly Problem[]
}

export type PlannedNode = ConfiguredNode & { inputs: readonly string[] }

export interface PlanOptions {
  text: string
  file: string
  settings: Settings
  plugins: PluginParts
}

/** Reads a pipeline without opening anything: text, keys, names, edges. */
export async function planPipeline({ text: original, file: named, settings, plugins }: PlanOptions): Promise<Plan> {
  const problems: Problem[] = []
  const text = await preprocess(original, named, settings, plugins, problems)
  const file = text === original ? named : `${named} (preprocessed)`
  const kinds = kindsOf(plugins)
  const parsed = parsePipeline(text, file)
  problems.push(...parsed.problems)

  const configured = new Map<RawNode, ConfiguredNode>()
  for (const raw of parsed.nodes) {
    const result = await configure(raw, kinds, file)
    problems.push(...result.problems)
    if (result.node !== undefined) configured.set(raw, result.node)
  }
  // an unreadable section has said so already
  if (parsed.problems.length === 0)
    for (const section of ['sources', 'sinks'] as const)
      if (!parsed.nodes.some(raw => raw.section === section))
        problems.push({
          file,
          ...parsed.placeOf(section),
          path: section,
          message: `${section}: at least one is needed`,
          severity: 'error',
        })

  const names = parsed.nodes.map(({ name }) => name)
  const graphNodes: GraphNode[] = []
  for (const raw of parsed.nodes) {
    const node = configured.get(raw)
    graphNodes.push({ raw, kind: kindOf(raw, node, kinds), inputs: await inputsOf(raw, node, names, file, problems) })
  }
  const graph = buildGraph(graphNodes)
  for (const { raw, path, message } of graph.problems)
    problems.push({
      file,
      ...(raw === undefined ? parsed.placeOf('sources') : path.length === 0 ? raw.place : raw.placeOf(path)),
      path: raw?.pathOf(path) ?? '',
      message,
      severity: 'error',
    })

  // of two with one name the first has it
  const byName = new Map([...graphNodes].reverse().map(node => [node.raw.name, node]))
  const nodes = graph.order.flatMap(name => {
    const { raw, inputs } = byName.get(name)!
    const node = configured.get(raw)
    return node === undefined || inputs === undefined ? [] : [{ ...node, inputs }]
  })
  const tables = graphNodes.filter(({ kind }) => kind === 'table').map(({ raw }) => raw.name)
  return { file, name: parsed.name ?? nameOf(named), nodes, tables, problems }
}

async function preprocess(
  original: string,
  file: string,
  { plugin }: Settings,
  plugins: PluginParts,
  problems: Problem[],
): Promise<string> {
  const report = (path: string, message: string) =>
    problems.push({ file, line: 1, column: 1, path, message, severity: 'error' })
  for (const id of plugin.side_output_ids)
    if (!plugins.sideOutputs.has(id)) report('', `plugin.side_output_ids: no plugin has the side output '${id}'`)
  let text = original
  for (const id of plugin.preprocessor_ids) {
    const run = plugins.preprocessors.get(id)
    if (run === undefined) {
      report('', `plugin.preprocessor_ids: no plugin has the preprocessor '${id}'`)
      continue
    }
    try {
      text = await run(text, plugin.preprocessor_options[id] ?? {})
    } catch (error) {
      report('', `preprocessor '${id}': ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return text
}

function kindOf(raw: RawNode, node: ConfiguredNode | undefined, kinds: Kinds): GraphNode['kind'] {
  if (node !== undefined) return node.kind
  if (raw.section === 'sources') return 'source'
  if (raw.section === 'sinks') return 'sink'
  return raw.type === 'dynamic_table' && kinds.transforms.has(raw.type) ? 'table' : 'transform'
}

async function inputsOf(
  raw: RawNode,
  node: ConfiguredNode | undefined,
  names: readonly string[],
  file: string,
  problems: Problem[],
): Promise<readonly string[] | undefined> {
  if (raw.section === 'sources') return []
  if (node === undefined || node.kind === 'sink') {
    const inputs = seemsToRead(raw)
    if (node !== undefined && inputs === undefined)
      problems.push({
        file,
        ...raw.place,
        path: raw.pathOf([]),
        message: `sink '${raw.name}' has no from`,
        severity: 'error',
      })
    return inputs
  }
  if (node.kind === 'source') return []
  try {
    const inputs = [...new Set(await node.definition.inputs(node.config, names))]
    if (node.kind === 'transform' && inputs.length === 0)
      throw new PipelineError('bad_pipeline', `transform '${raw.name}' reads no node of this pipeline`)
    return inputs
  } catch (error) {
    problems.push(problemOf(error, raw, file))
    return undefined
  }
}

/** `pipelines/orders.yaml` is called orders. */
function nameOf(file: string): string {
  return basename(file).replace(/(?<=.)\.(ya?ml|json)$/i, '') || 'pipeline'
}
