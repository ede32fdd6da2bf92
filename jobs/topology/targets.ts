import { statSync } from 'node:fs'
import { serverFor } from '../drivers/postgres/server.ts'
import { folded } from '../drivers/sqlite-sink/names.ts'
import { realPath } from '../drivers/sqlite-sink/place.ts'
import { PipelineError } from '../runtime/errors.ts'
import type { Settings } from '../settings.ts'
import type { Plan, PlannedNode } from './plan.ts'
import { type Problem, problemOf } from './problem.ts'

type Config = Readonly<Record<string, string>>

/** Keys that name a table that the sink writes to. */
const tableKeys: Readonly<Record<string, readonly string[]>> = {
  sqlite: ['table'],
  sqlite_aggregate: ['landing_table', 'agg_table'],
  postgres: ['table'],
  postgres_aggregate: ['landing_table', 'agg_table'],
}

/** Where tables are. */
interface Database {
  shown: string
  /** the same for the same database */
  identity: string
  /** names that mean one table are one */
  fold(table: string): string
}

/** Two sinks that write to one table would undo each other's rows: each but the first is a problem at its key. */
export function sharedTables(plan: Plan, settings: Settings): Problem[] {
  const writers = new Map<string, PlannedNode>()
  return plan.nodes.flatMap(node => {
    const keys = node.kind === 'sink' && !node.plugin ? tableKeys[node.raw.type] : undefined
    const config = node.config as Config
    const database = keys && databaseOf(node, config, settings)
    if (keys === undefined || database === undefined) return []
    return keys.flatMap(key => {
      const target = JSON.stringify([database.identity, database.fold(config[key]!)])
      const first = writers.get(target) ?? node
      writers.set(target, first)
      // two tables of one sink are its own matter
      if (first === node) return []
      const message = `sinks '${first.raw.name}' and '${node.raw.name}' both write to table ${JSON.stringify(config[key])} of ${database.shown}: name another table in one of them`
      return [problemOf(new PipelineError('bad_pipeline', message, { path: [key] }), node.raw, plan.file)]
    })
  })
}

function databaseOf({ raw }: PlannedNode, config: Config, settings: Settings): Database | undefined {
  if (raw.type.startsWith('sqlite')) return fileOf(config.path!)
  const { host, port, database } = serverFor(settings, 'postgres_sink', raw.name)
  const shown = `schema ${config.schema} of postgres://${host}:${port}/${database}`
  return { shown, identity: shown, fold: table => table }
}

/** A file by its inode, or by its real path before it is there; undefined where the path is wrong, as its sink says. */
function fileOf(name: string): Database | undefined {
  try {
    const path = realPath(name)
    const there = statSync(path, { throwIfNoEntry: false })
    return { shown: path, identity: there === undefined ? path : `${there.dev}:${there.ino}`, fold: folded }
  } catch {
    return undefined
  }
}
