import type { DynamicTable, NodeContext, Stream, TransformContext } from '../runtime/contract.ts'
import { PipelineError } from '../runtime/errors.ts'
import type { Settings } from '../settings.ts'
import { stillContext } from './context.ts'
import { keyOf, keyProblem } from './keys.ts'
import type { PluginParts } from './kinds.ts'
import type { Plan, PlannedNode } from './plan.ts'
import { type Problem, problemOf } from './problem.ts'
import { sharedTables } from './targets.ts'

export interface InspectOptions {
  settings: Settings
  plugins: PluginParts
  connect: boolean
  /** what a server or file is that cannot be reached just now */
  unreachable: Problem['severity']
}

/**
 * Opens the nodes of a plan in their order, looks at what they hand on, and closes them again. A broken node hides
 * nothing but what hangs on it.
 */
export async function inspect(plan: Plan, options: InspectOptions): Promise<Problem[]> {
  const { settings, plugins, connect } = options
  const problems: Problem[] = []
  const aborter = new AbortController()
  const closers: { node: PlannedNode; close: () => Promise<void> }[] = []
  const streams = new Map<string, Stream>()
  const bounded = new Map<string, boolean>()
  // one that is broken stands in as an empty one, so that what looks it up is not reported again
  const tables = new Map<string, DynamicTable>(plan.tables.map(name => [name, emptyTable]))

  const report = ({ raw }: PlannedNode, message: string, severity: Problem['severity'], path: readonly string[] = []) =>
    problems.push({
      file: plan.file,
      ...(path.length === 0 ? raw.place : raw.placeOf(path)),
      path: raw.pathOf(path),
      message,
      severity,
    })
  const contextOf = (node: PlannedNode): NodeContext =>
    stillContext({
      pipeline: plan.name,
      name: node.raw.name,
      settings,
      jobMode: settings.job_mode,
      signal: aborter.signal,
      warn: message => report(node, message, 'warning'),
    })

  const look = async (node: PlannedNode): Promise<void> => {
    const { raw, inputs: names } = node
    const inputs = names.map(name => streams.get(name))
    if (!inputs.every(stream => stream !== undefined)) return
    const away = connect ? undefined : await whereIs(node)
    if (away !== undefined) {
      report(node, `'${raw.name}' ${away} only with --connect: what hangs on it is not checked`, 'warning')
      return
    }
    const context = contextOf(node)
    if (node.kind === 'table') {
      const [input] = inputs
      const opened = await node.definition.open(node.config, input && { name: names[0]!, ...input }, context)
      closers.push({ node, close: () => opened.table.close() })
      const { fill } = opened
      if (fill !== undefined) closers.push({ node, close: () => fill.close() })
      tables.set(raw.name, opened.table)
      return
    }
    if (node.kind === 'sink') {
      const input = inputs[0]!
      const problem = keyProblem(raw.name, node.primaryKey, input.schema)
      if (problem !== undefined) return void report(node, problem, 'error', ['primary_key'])
      const primaryKey = keyOf(node.primaryKey, input.schema, { inputs: [input] })
      const stream = { schema: input.schema, primaryKey }
      await node.definition.check(node.config, stream, context)
      if (connect) await node.definition.connect?.(node.config, stream, context)
      return
    }
    const [schema, declared] = node.kind === 'source' ? await openSource(node) : await openTransform(node, inputs)
    const problem = keyProblem(raw.name, node.primaryKey, schema)
    if (problem !== undefined) return void report(node, problem, 'error', ['primary_key'])
    const primaryKey = keyOf(node.primaryKey, schema, { declared, inputs })
    streams.set(raw.name, { schema, primaryKey })
    // one that reads from a node without a key is not reported again
    if (primaryKey.length === 0 && inputs.every(input => input.primaryKey.length > 0))
      report(node, `${node.kind} '${raw.name}' has no primary_key`, settings.enforce_primary_keys ? 'error' : 'warning')
  }

  const openSource = async (node: PlannedNode & { kind: 'source' }) => {
    const source = await node.definition.open(node.config, contextOf(node))
    closers.push({ node, close: () => source.close() })
    bounded.set(node.raw.name, source.bounded)
    return [source.schema, source.primaryKey] as const
  }
  const openTransform = async (node: PlannedNode & { kind: 'transform' }, inputs: readonly Stream[]) => {
    const context: TransformContext = { ...contextOf(node), tables, udfs: plugins.udfs }
    const named = new Map(node.inputs.map((name, index) => [name, inputs[index]!]))
    const transform = await node.definition.open(node.config, named, context)
    closers.push({ node, close: () => transform.close() })
    return [transform.schema, undefined] as const
  }

  try {
    for (const node of plan.nodes) {
      try {
        await look(node)
      } catch (error) {
        problems.push(...failures(error, node, plan.file, options.unreachable))
      }
    }
  } finally {
    aborter.abort()
    for (const { node, close } of closers.reverse()) {
      try {
        await close()
      } catch (error) {
        problems.push({ ...problemOf(error, node.raw, plan.file), severity: 'warning' })
      }
    }
  }
  problems.push(...unfitForJobs(plan, bounded, settings), ...overlaps(plan, streams), ...sharedTables(plan, settings))
  return problems
}

/** Of a node that is perhaps not on this machine: what is done with it. */
async function whereIs(node: PlannedNode): Promise<string | undefined> {
  if (node.plugin && node.kind !== 'transform') return "is a plugin's, and is opened"
  const asks = (node.kind === 'source' || node.kind === 'table') && (await node.definition.remote?.(node.config))
  return asks ? 'asks a server, which is done' : undefined
}

const emptyTable: DynamicTable = {
  has: async values => values.map(() => false),
  add: async () => {},
  close: async () => {},
}

function failures(error: unknown, { raw }: PlannedNode, file: string, unreachable: Problem['severity']): Problem[] {
  const errors = error instanceof AggregateError && error.errors.length > 0 ? error.errors : [error]
  return errors.map((one: unknown) => {
    const problem = problemOf(one, raw, file)
    return one instanceof PipelineError && one.retryable ? { ...problem, severity: unreachable } : problem
  })
}

function unfitForJobs(plan: Plan, bounded: ReadonlyMap<string, boolean>, settings: Settings): Problem[] {
  if (!settings.job_mode) return []
  const endless = plan.nodes.filter(({ raw }) => bounded.get(raw.name) === false)
  if (endless.length === 0) return []
  const names = endless.map(({ raw }) => `'${raw.name}'`).join(', ')
  const { raw } = endless[0]!
  const message = `job_mode is enabled but the following source(s) do not support it: ${names}. Their rows do not come to an end`
  return [{ file: plan.file, ...raw.place, path: raw.pathOf([]), message, severity: 'error' }]
}

/** Sinks where a row that comes twice leaves one: by its key, or since nothing is kept. */
const replacing = ['sqlite', 'sqlite_aggregate', 'postgres', 'postgres_aggregate', 'clickhouse']
const fleeting = ['print', 'blackhole']

/** Rows that both phases of a hybrid source have come twice to a sink that does not replace by key. */
function overlaps(plan: Plan, streams: ReadonlyMap<string, Stream>): Problem[] {
  return plan.nodes.flatMap(({ kind, raw, inputs, primaryKey }) => {
    const input = streams.get(inputs[0] ?? '')
    if (kind !== 'sink' || input === undefined || fleeting.includes(raw.type)) return []
    const hasKey = primaryKey.length > 0 || input.primaryKey.length > 0
    if (hasKey && replacing.includes(raw.type)) return []
    const hybrid = sourcesOf(plan.nodes, raw.name).find(source => source.raw.type === 'hybrid')
    if (hybrid === undefined) return []
    const message = `duplicates are possible: rows that several phases of '${hybrid.raw.name}' have come to '${raw.name}' more than once`
    return [{ file: plan.file, ...raw.place, path: raw.pathOf([]), message, severity: 'warning' as const }]
  })
}

/** The sources that a node's rows come from, in the order of the plan. */
function sourcesOf(nodes: readonly PlannedNode[], name: string): PlannedNode[] {
  const wanted = new Set([name])
  const found: PlannedNode[] = []
  for (const node of [...nodes].reverse()) {
    if (!wanted.has(node.raw.name)) continue
    for (const input of node.inputs) wanted.add(input)
    if (node.kind === 'source') found.unshift(node)
  }
  return found
}
