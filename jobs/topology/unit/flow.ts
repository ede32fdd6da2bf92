import type { RecordBatch, Schema } from 'apache-arrow'
import { rowsOf } from '../../runtime/batch/rows.ts'
import type {
  DeadRow,
  DynamicTable,
  NodeContext,
  OpenTable,
  SideOutput,
  Stream,
  TableInput,
  TransformContext,
  Udf,
} from '../../runtime/contract.ts'
import { PipelineError, context as within } from '../../runtime/errors.ts'
import type { Settings } from '../../settings.ts'
import { stillContext } from '../context.ts'
import { keyOf } from '../keys.ts'
import type { Plan, PlannedNode } from '../plan.ts'
import { type ActualRow, compareRows } from './compare.ts'
import type { UnitTest } from './file.ts'
import { batchOfGiven, type GivenRow } from './given.ts'

export interface FlowOptions {
  plan: Plan
  /** of the nodes whose rows may be given */
  schemas: ReadonlyMap<string, Schema>
  settings: Settings
  udfs: readonly Udf[]
}

interface Passed {
  stream: Stream
  batches: readonly RecordBatch[]
}

/** What differs from what the test expects, as lines; empty: it is as expected. Throws a PipelineError where it cannot run. */
export async function runUnitTest(test: UnitTest, options: FlowOptions): Promise<string[]> {
  const { plan } = options
  const passed = new Map<string, Passed>()
  const dead = new Map<string, DeadRow[]>()
  const tables = new Map<string, DynamicTable>()
  const fills = new Map<string, SideOutput[]>()
  const closers: (() => Promise<void>)[] = []
  const aborter = new AbortController()
  const contextOf = ({ raw }: PlannedNode): NodeContext =>
    stillContext({
      pipeline: plan.name,
      name: raw.name,
      settings: options.settings,
      jobMode: true,
      signal: aborter.signal,
      dead: row => push(dead, raw.name, row),
    })

  const handOn = async (name: string, stream: Stream, batches: readonly RecordBatch[]) => {
    for (const fill of fills.get(name) ?? []) for (const batch of batches) await fill.observe(batch)
    passed.set(name, { stream, batches })
  }
  const openTable = async (node: PlannedNode & { kind: 'table' }) => {
    const given = test.given[node.raw.name]
    if (given !== undefined) return void tables.set(node.raw.name, valuesTable(given.map(String)))
    const input = node.inputs[0]
    const { table, fill } = await openInMemory(
      node,
      input === undefined ? undefined : { name: input, ...passed.get(input)!.stream },
      contextOf(node),
    )
    closers.push(() => table.close())
    if (fill !== undefined && input !== undefined) {
      closers.push(() => fill.close())
      for (const batch of passed.get(input)?.batches ?? []) await fill.observe(batch)
    }
    tables.set(node.raw.name, table)
  }
  const transform = async (node: PlannedNode & { kind: 'transform' }) => {
    if (node.raw.type === 'handler')
      throw new PipelineError(
        'bad_pipeline',
        "calls a server, which a test does not: name the rows of its answer under 'given'",
      )
    const inputs = node.inputs.map(name => [name, passed.get(name)!] as const)
    const streams = new Map(inputs.map(([name, { stream }]) => [name, stream]))
    const context: TransformContext = { ...contextOf(node), tables, udfs: options.udfs }
    const opened = await node.definition.open(node.config, streams, context)
    closers.push(() => opened.close())
    const results: RecordBatch[] = []
    for (const [name, { batches }] of inputs)
      if (batches.length > 0) results.push(...(await opened.process(batches, name)))
    const primaryKey = keyOf(node.primaryKey, opened.schema, { inputs: [...streams.values()] })
    await handOn(node.raw.name, { schema: opened.schema, primaryKey }, results)
  }

  try {
    const needed = neededNodes(test, plan)
    for (const node of plan.nodes) {
      const { name } = node.raw
      if (!needed.has(name)) continue
      try {
        if (node.kind === 'table') await openTable(node)
        else if (Object.hasOwn(test.given, name) || node.kind === 'source') {
          const [stream, batches] = givenStream(test, node, options.schemas)
          await handOn(name, stream, batches)
        } else if (node.kind === 'transform') await transform(node)
      } catch (error) {
        throw within(`${node.kind} '${name}'`, error)
      }
    }
    return differences(test, plan, passed, dead)
  } finally {
    aborter.abort()
    for (const close of closers.reverse()) await close()
  }
}

/** Those that lie between what is given and what is expected, and the dynamic tables that they fill. */
function neededNodes(test: UnitTest, plan: Plan): ReadonlySet<string> {
  const needed = new Set([...Object.keys(test.expect), ...Object.keys(test.dead)])
  const unknown = [...needed, ...Object.keys(test.given)].find(name => !plan.nodes.some(({ raw }) => raw.name === name))
  if (unknown !== undefined) throw new PipelineError('bad_pipeline', `the pipeline has no node '${unknown}'`)
  for (const { kind, raw, inputs } of [...plan.nodes].reverse())
    if (needed.has(raw.name) && kind !== 'table' && !Object.hasOwn(test.given, raw.name))
      for (const input of inputs) needed.add(input)
  for (const { kind, raw, inputs } of plan.nodes)
    if (kind === 'table' && inputs.every(input => needed.has(input))) needed.add(raw.name)
    else if (kind === 'table' && Object.hasOwn(test.given, raw.name)) needed.add(raw.name)
  return needed
}

function givenStream(
  test: UnitTest,
  node: PlannedNode,
  schemas: ReadonlyMap<string, Schema>,
): [Stream, readonly RecordBatch[]] {
  const { name } = node.raw
  const schema = schemas.get(name)
  if (schema === undefined)
    throw new PipelineError(
      'bad_pipeline',
      "is needed, and has no rows in any test: name it under 'given', or its columns under 'schema'",
    )
  const rows = test.given[name] ?? []
  if (rows.some(row => typeof row === 'string'))
    throw new PipelineError('bad_pipeline', `given.${name}: expected rows; only a dynamic table has values`)
  const batch = batchOfGiven(name, schema, rows as readonly GivenRow[])
  return [{ schema, primaryKey: keyOf(node.primaryKey, schema) }, batch === undefined ? [] : [batch]]
}

/** Whatever its backend is: a test leaves nothing behind. */
async function openInMemory(
  { raw, definition }: PlannedNode & { kind: 'table' },
  input: TableInput | undefined,
  context: NodeContext,
): Promise<OpenTable> {
  const config = definition.config.parse({ ...raw.keys, backend_type: 'InMemory' })
  return definition.open(config, input, context)
}

function valuesTable(values: Iterable<string>): DynamicTable {
  const known = new Set(values)
  return {
    has: async asked => asked.map(value => value !== null && known.has(value)),
    add: async added => {
      for (const value of added) known.add(value)
    },
    close: async () => {},
  }
}

function differences(
  { expect, dead: expectedDead, unordered }: UnitTest,
  plan: Plan,
  passed: ReadonlyMap<string, Passed>,
  dead: ReadonlyMap<string, readonly DeadRow[]>,
): string[] {
  const lines = Object.entries(expect).flatMap(([name, rows]) => {
    const node = plan.nodes.find(({ raw }) => raw.name === name)!
    if (node.kind === 'table') return [`${name}: a dynamic table hands on no rows`]
    const { batches } = passed.get(node.kind === 'sink' ? node.inputs[0]! : name)!
    return compareRows(name, rows, batches.flatMap(rowsOf), unordered)
  })
  for (const name of new Set([...dead.keys(), ...Object.keys(expectedDead)])) {
    const letters = dead.get(name) ?? []
    const rows = letters.map(({ row }): ActualRow => (typeof row === 'string' ? { row } : row))
    const found = compareRows(`dead letters of ${name}`, expectedDead[name] ?? [], rows, unordered)
    lines.push(
      ...found,
      ...(found.length === 0 ? [] : letters.slice(0, 5).map(({ code, message }) => `  ${code}: ${message}`)),
    )
  }
  return lines
}

function push<T>(lists: Map<string, T[]>, name: string, item: T): void {
  const list = lists.get(name)
  if (list === undefined) lists.set(name, [item])
  else list.push(item)
}
