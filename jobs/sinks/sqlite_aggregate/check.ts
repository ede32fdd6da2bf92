import { refuseTable } from '../../drivers/sqlite-sink/identify.ts'
import { inspect } from '../../drivers/sqlite-sink/inspect.ts'
import type { NodeContext, Stream } from '../../runtime/contract.ts'
import { type Plan, planOf } from './plan.ts'
import type { AggregateConfig } from './sqlite_aggregate.ts'
import { checkPlan, findTables } from './tables.ts'

export async function check(config: AggregateConfig, input: Stream, context: NodeContext): Promise<void> {
  const plan = checkedPlan(config, input)
  if (!plan.exact)
    context.log.warn('append_only: updates are added to what they replace, and min and max never take a value back')
  inspect(config.path, tablesOf(config), db => {
    findTables(db, plan, config)
  })
}

/** The plan, without the mistakes that no database is needed to see. */
export function checkedPlan(config: AggregateConfig, input: Stream): Plan {
  refuseTable(config.landing_table, ['landing_table'])
  refuseTable(config.agg_table, ['agg_table'])
  const plan = planOf(config, input)
  checkPlan(plan, config)
  return plan
}

export const tablesOf = ({ landing_table, agg_table }: AggregateConfig): string[] => [landing_table, agg_table]
