import { createHash } from 'node:crypto'
import type { Names } from '../../drivers/aggregate/statements.ts'
import { qualified } from '../../drivers/postgres/names.ts'
import type { AggregateConfig } from './postgres_aggregate.ts'

export interface AllNames extends Names {
  /** what results were made from */
  definitions: string
}

/** A name with a prefix of ours; one that gets too long ends in a digest. */
export function derived(name: string): string {
  if (Buffer.byteLength(name) <= 63) return name
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 12)
  return `${Buffer.from(name)
    .subarray(0, 48)
    .toString()
    .replace(/\ufffd+$/, '')}_${digest}`
}

export function namesOf({ schema, landing_table, agg_table }: AggregateConfig): AllNames {
  const named = (name: string) => qualified(schema, derived(name))
  return {
    landing: named(landing_table),
    agg: named(agg_table),
    groups: named(`_millrace_groups_${agg_table}`),
    contributions: named(`_millrace_contributions_${agg_table}`),
    definitions: named('_millrace_aggregates'),
  }
}

/** What the model calls its trigger and function. */
export const modelTrigger = ({ landing_table, agg_table }: AggregateConfig): string =>
  derived(`${landing_table}_to_${agg_table}_trigger`)
export const modelFunction = ({ landing_table, agg_table }: AggregateConfig): string =>
  derived(`${landing_table}_to_${agg_table}_fn`)
