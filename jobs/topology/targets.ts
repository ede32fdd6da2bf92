import { statSync } from 'node:fs'
import { folded } from '../drivers/sqlite-sink/names.ts'
import { realPath } from '../drivers/sqlite-sink/place.ts'
import { PipelineError } from '../runtime/errors.ts'
import type { Plan, PlannedNode } from './plan.ts'
import { type Problem, problemOf } from './problem.ts'

/** Keys that name a table that the sink writes to. */
const tableKeys: Readonly<Record<string, readonly string[]>> = {
  sqlite: ['table'],
  sqlite_aggregate: ['landing_table', 'agg_table'],
}

/** Two sinks that write to one table would undo each other's rows: each but the first is a problem at its key. */
export function sharedTables(plan: Plan): Problem[] {
  const writers = new Map<string, PlannedNode>()
  return plan.nodes.flatMap(node => {
    const keys = node.kind === 'sink' && !node.plugin ? tableKeys[node.raw.type] : undefined
    const config = node.config as Readonly<Record<string, string>>
    const file = keys && fileOf(config.path!)
    if (keys === undefined || file === undefined) return []
    return keys.flatMap(key => {
      const target = JSON.stringify([file.identity, folded(config[key]!)])
      const first = writers.get(target) ?? node
      writers.set(target, first)
      // two tables of one sink are its own matter
      if (first === node) return []
      const message = `sinks '${first.raw.name}' and '${node.raw.name}' both write to table ${JSON.stringify(config[key])} of ${file.path}: name another table in one of them`
      return [problemOf(new PipelineError('bad_pipeline', message, { path: [key] }), node.raw, plan.file)]
    })
  })
}

/** A file by its inode, or by its real path before it is there; undefined where the path is wrong, as its sink says. */
function fileOf(name: string): { path: string; identity: string } | undefined {
  try {
    const path = realPath(name)
    const there = statSync(path, { throwIfNoEntry: false })
    return { path, identity: there === undefined ? path : `${there.dev}:${there.ino}` }
  } catch {
    return undefined
  }
}
