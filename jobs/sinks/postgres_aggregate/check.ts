import { openForCheck } from '../../drivers/postgres-sink/connection.ts'
import { problemsOf, throwAll, throwFirst } from '../../drivers/postgres-sink/problems.ts'
import { placeProblems } from '../../drivers/postgres-sink/schema.ts'
import { tableNameProblems } from '../../drivers/postgres-sink/table.ts'
import type { NodeContext, Stream } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { AggregateConfig } from './postgres_aggregate.ts'
import { findTables, planProblems, rowColumns } from './tables.ts'
import { guessed, type Named, namedBy, type Plan, planOf } from './types.ts'

export async function check(config: AggregateConfig, input: Stream, context: NodeContext): Promise<void> {
  throwAll([...nameProblems(config), ...problemsOf(() => planProblems(planOf(config, input, guessed), config, input))])
  if (config.append_only)
    context.log.warn('append_only: updates are added to what they replace, and min and max never take a value back')
}

/** What only the server can tell. */
export async function connect(config: AggregateConfig, input: Stream, context: NodeContext): Promise<void> {
  const session = await openForCheck(context)
  try {
    const plan = checkedPlan(config, input, await namedBy(session, config))
    const problems: PipelineError[] = []
    const found = await findTables(session, plan, config, rowColumns(input)).catch(error => {
      if (!(error instanceof PipelineError && error.code === 'bad_pipeline')) throw error
      problems.push(error)
      return undefined
    })
    const needed = [
      { name: config.landing_table, lacks: found?.lacking },
      { name: config.agg_table, lacks: undefined },
    ]
    throwAll([...problems, ...(await placeProblems(session, config.schema, needed))])
  } finally {
    await session.close()
  }
}

/** The plan, without the mistakes that are not the database's. */
export function checkedPlan(config: AggregateConfig, input: Stream, named: Named): Plan {
  throwFirst(nameProblems(config))
  const plan = planOf(config, input, named)
  throwFirst(planProblems(plan, config, input))
  return plan
}

const nameProblems = ({ schema, landing_table, agg_table }: AggregateConfig): PipelineError[] => [
  ...tableNameProblems(schema, ['schema']),
  ...tableNameProblems(landing_table, ['landing_table']),
  ...tableNameProblems(agg_table, ['agg_table']),
]
