import { readFile } from 'node:fs/promises'
import { dirname, isAbsolute, relative, resolve } from 'node:path'
import type { Schema } from 'apache-arrow'
import { toPipelineError } from '../../runtime/errors.ts'
import type { Settings } from '../../settings.ts'
import type { PluginParts } from '../kinds.ts'
import { planPipeline } from '../plan.ts'
import { type Problem, sortProblems } from '../problem.ts'
import { readUnitFile, type UnitFile } from './file.ts'
import { runUnitTest } from './flow.ts'
import { type GivenRow, inferSchema, schemaOf } from './given.ts'

export interface UnitOptions {
  /** of tests; the pipeline is found from its folder */
  file: string
  settings: Settings
  plugins: PluginParts
}

export interface UnitResult {
  name: string
  ok: boolean
  /** why it is not ok, for people */
  lines: readonly string[]
}

export interface UnitReport {
  file: string
  /** of the file of tests or its pipeline; where one is an error, no test ran */
  problems: readonly Problem[]
  results: readonly UnitResult[]
}

/** Runs the tests of one file: rows through the transforms of its pipeline, without sources, sinks or servers. */
export async function runUnitFile({ file, settings, plugins }: UnitOptions): Promise<UnitReport> {
  const { unit, problems, place } = readUnitFile(await readFile(file, 'utf8'), file)
  if (unit === undefined) return { file, problems, results: [] }
  const pipeline = resolve(dirname(file), unit.pipeline)
  const named = isAbsolute(file) ? pipeline : relative('.', pipeline)
  const text = await readFile(pipeline, 'utf8').catch((error: Error) => error)
  if (text instanceof Error) {
    const message = `the pipeline cannot be read: ${text.message}`
    return { file, problems: [{ file, ...place, path: 'pipeline', message, severity: 'error' }], results: [] }
  }
  const plan = await planPipeline({ text, file: named, settings, plugins })
  if (plan.problems.some(({ severity }) => severity === 'error'))
    return { file, problems: sortProblems(plan.problems), results: [] }

  const schemas = schemasOf(unit)
  const results: UnitResult[] = []
  for (const test of unit.tests) {
    const lines = await runUnitTest(test, { plan, schemas, settings, udfs: plugins.udfs }).catch((error: unknown) => [
      toPipelineError(error).message,
    ])
    results.push({ name: test.name, ok: lines.length === 0, lines })
  }
  return { file, problems: plan.problems, results }
}

/** Of each node whose columns are declared, or seen in the rows of any test, so that all tests of a file agree. */
function schemasOf({ schema, tests }: UnitFile): ReadonlyMap<string, Schema> {
  const rows = new Map<string, GivenRow[]>()
  for (const { given } of tests)
    for (const [name, list] of Object.entries(given)) {
      const found = list.filter(row => typeof row !== 'string')
      rows.set(name, [...(rows.get(name) ?? []), ...found])
    }
  const inferred = [...rows]
    .filter(([, list]) => list.length > 0)
    .map(([name, list]) => [name, inferSchema(list)] as const)
  const declared = Object.entries(schema).map(([name, columns]) => [name, schemaOf(columns)] as const)
  return new Map([...inferred, ...declared])
}
