import { type DataType, Decimal, Int64, Utf8 } from 'apache-arrow'
import * as aggregate from '../../drivers/aggregate/plan.ts'
import { kindOf } from '../../runtime/batch/kinds.ts'
import { nameOf } from '../../runtime/batch/types.ts'
import type { Stream } from '../../runtime/contract.ts'
import type { AggregateConfig } from './sqlite_aggregate.ts'
import { sqlType } from './type-names.ts'

export type Plan = aggregate.Plan<DataType>
export type Part = aggregate.Part<DataType>
export type Value = aggregate.Value<DataType>

/** Types as the rows have them; SQLite has few of its own. */
const types: aggregate.Types<DataType> = {
  of: field => field.type,
  named: (name, source, path) => sqlType(name, source?.type ?? new Int64(), path),
  kindOf,
  nameOf,
  storedAs: type => (kindOf(type) === 'decimal' ? nameOf(type) : kindOf(type)),
  isAlready: (is, wanted) =>
    kindOf(is) === kindOf(wanted) && (kindOf(is) !== 'decimal' || (is as Decimal).scale === (wanted as Decimal).scale),
  // beyond 2^63 SQLite would compare and add it as text or rounded
  computed: type => (kindOf(type) === 'uint64' ? new Decimal(0, 38, 128) : type),
  sumOf: type => type,
  countOf: () => new Int64(),
  text: new Utf8(),
}

export const planOf = (config: AggregateConfig, input: Stream): Plan => aggregate.planOf(config, input, types)
