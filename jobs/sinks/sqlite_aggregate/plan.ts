import { type DataType, Decimal, Int64, Utf8 } from 'apache-arrow'
import { type Column, quote } from '../../drivers/sqlite-sink/table.ts'
import { type Kind, kindOf } from '../../drivers/sqlite-sink/types.ts'
import { nameOf, OP } from '../../runtime/batch/types.ts'
import type { Stream } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { AggregateConfig } from './sqlite_aggregate.ts'
import { sqlType } from './type-names.ts'

/** What the configuration means for the rows at hand. Pure. */
export interface Plan {
  exact: boolean
  key: readonly string[]
  /** of the rows, without `_gs_op` */
  columns: readonly Column[]
  groups: readonly Part[]
  values: readonly Value[]
  aggregates: readonly Aggregate[]
  /** columns of the results */
  results: readonly Column[]
  /** JSON of all that earlier results depend on */
  definition: string
}

/** A column that groups or values are taken from. */
export interface Part {
  /** undefined: the constant 'value' */
  from: string | undefined
  type: DataType
  /** the values have to be turned into `type` first */
  convert: boolean
}

/** A column that is aggregated; functions over the same one share it. */
export interface Value extends Part {
  from: string
  kind: Kind | 'presence'
  sum: boolean
  min: boolean
  max: boolean
}

export interface Aggregate {
  name: string
  fn: 'sum' | 'count' | 'avg' | 'min' | 'max'
  /** in `values`; undefined: all rows are counted */
  value: number | undefined
}

export const EPOCH = '_gs_checkpoint_epoch'

export function planOf(config: AggregateConfig, input: Stream): Plan {
  const columns = input.schema.fields.filter(({ name }) => name !== OP).map(({ name, type }) => ({ name, type }))
  const key = config.primary_key.length > 0 ? config.primary_key : input.primaryKey
  const groups = groupsOf(config, columns)
  const values: Value[] = []
  const aggregates = Object.entries(config.aggregate).map(([name, { fn, from, type }]): Aggregate => {
    const path = ['aggregate', name]
    if (fn === 'count') {
      if (
        type !== undefined &&
        !['integer', 'uint64', 'decimal'].includes(kindOf(sqlType(type, new Int64(), [...path, 'type'])))
      )
        throw wrong(`a count is a whole number, not ${type}: leave the type out`, [...path, 'type'])
      return { name, fn, value: from === undefined ? undefined : presenceOf(values, find(columns, from, path)) }
    }
    const column = find(columns, from ?? name, path)
    const value = aggregated(column, fn, type, path)
    const known = values.findIndex(other => other.from === value.from && same(other, value))
    const at = known < 0 ? values.push(value) - 1 : known
    const shared = values[at]!
    values[at] = { ...shared, sum: shared.sum || value.sum, min: shared.min || value.min, max: shared.max || value.max }
    return { name, fn, value: at }
  })
  const results = [...resultGroups(config, groups), ...aggregates.flatMap(aggregate => resultsOf(aggregate, values))]
  const exact = !config.append_only
  return {
    exact,
    key,
    columns,
    groups: groups.map(({ part }) => part),
    values,
    aggregates,
    results,
    definition: definitionOf({ exact, key, groups, values, aggregates }),
  }
}

interface NamedPart {
  name: string
  part: Part
}

function groupsOf(config: AggregateConfig, columns: readonly Column[]): NamedPart[] {
  const entries = Object.entries(config.group_by)
  if (entries.length === 0) return [{ name: 'key', part: { from: undefined, type: new Utf8(), convert: false } }]
  return entries.map(([name, { from, type }]) => {
    const path = ['group_by', name]
    const column = find(columns, from ?? name, path)
    return {
      name,
      part: partOf(column, type === undefined ? column.type : sqlType(type, column.type, [...path, 'type'])),
    }
  })
}

function partOf(column: Column, type: DataType): Part & { from: string } {
  return { from: column.name, type, convert: !isAlready(column.type, type) }
}

/** Whether values of one type are stored as those of the other would be. */
function isAlready(is: DataType, wanted: DataType): boolean {
  if (kindOf(is) !== kindOf(wanted)) return false
  return kindOf(is) !== 'decimal' || (is as Decimal).scale === (wanted as Decimal).scale
}

function aggregated(column: Column, fn: Aggregate['fn'], name: string | undefined, path: readonly string[]): Value {
  const named = name === undefined ? column.type : sqlType(name, column.type, [...path, 'type'])
  // beyond 2^63 SQLite would compare and add it as text or rounded
  const type = kindOf(named) === 'uint64' ? new Decimal(0, 38, 128) : named
  const kind = kindOf(type)
  const adds = fn === 'sum' || fn === 'avg'
  if (adds ? !['integer', 'real', 'decimal'].includes(kind) : kind === 'json')
    throw wrong(
      `${fn} of column ${quote(column.name)}, which is ${nameOf(type)}: ${adds ? 'set a type such as bigint, double or numeric(38, 9)' : 'it has no order'}`,
      [...path, name === undefined ? 'from' : 'type'],
    )
  return { ...partOf(column, type), kind, sum: adds, min: fn === 'min', max: fn === 'max' }
}

/** To count what is not null, any value of the column will do. */
function presenceOf(values: Value[], column: Column): number {
  const at = values.findIndex(({ from }) => from === column.name)
  if (at >= 0) return at
  const { name: from, type } = column
  return values.push({ from, type, convert: false, kind: 'presence', sum: false, min: false, max: false }) - 1
}

const same = (a: Value, b: Value): boolean => a.kind === b.kind && isAlready(a.type, b.type)

function find(columns: readonly Column[], name: string, path: readonly string[]): Column {
  const column = columns.find(candidate => candidate.name === name)
  if (column !== undefined) return column
  throw wrong(`there is no column ${quote(name)}: the rows have ${columns.map(c => quote(c.name)).join(', ')}`, path)
}

const resultGroups = (config: AggregateConfig, groups: readonly NamedPart[]): Column[] =>
  groups.map(({ name, part }) => ({ name: Object.keys(config.group_by).length === 0 ? 'key' : name, type: part.type }))

function resultsOf({ name, fn, value }: Aggregate, values: readonly Value[]): Column[] {
  const type = value === undefined ? new Int64() : values[value]!.type
  if (fn === 'count') return [{ name, type: new Int64() }]
  if (fn !== 'avg') return [{ name, type }]
  return [
    { name: `${name}_sum`, type },
    { name: `${name}_count`, type: new Int64() },
  ]
}

interface Meaning extends Pick<Plan, 'exact' | 'key' | 'values' | 'aggregates'> {
  groups: readonly NamedPart[]
}

function definitionOf({ exact, key, groups, values, aggregates }: Meaning): string {
  const store = ({ from, type }: Part) => ({ from, as: kindOf(type) === 'decimal' ? nameOf(type) : kindOf(type) })
  return JSON.stringify({
    append_only: !exact,
    primary_key: key,
    group_by: groups.map(({ name, part }) => ({ name, ...store(part) })),
    aggregate: aggregates.map(({ name, fn, value }) => ({
      name,
      fn,
      ...(value !== undefined && (fn === 'count' ? { from: values[value]!.from } : store(values[value]!))),
    })),
  })
}

const wrong = (message: string, path: readonly string[]) => new PipelineError('bad_pipeline', message, { path })
