import type { Field } from 'apache-arrow'
import type { Kind } from '../../runtime/batch/kinds.ts'
import { OP } from '../../runtime/batch/types.ts'
import type { Stream } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { AggregateKeys } from './keys.ts'

/** The types of a database. */
export interface Types<T> {
  /** of a column of the rows */
  of(field: Field): T
  /** what the configuration names at `path`, for values of a column; undefined: for numbers of rows */
  named(name: string, source: Field | undefined, path: readonly string[]): T
  kindOf(type: T): Kind
  nameOf(type: T): string
  /** how earlier results tell whether they were computed alike */
  storedAs(type: T): string
  /** what tells groups of it apart, where it is not how the values are written */
  comparedBy?(type: T): string | undefined
  /** whether values of one type are stored as those of the other would be */
  isAlready(is: T, wanted: T): boolean
  /** what is compared and added in place of it */
  computed(type: T): T
  /** of a sum; `named`: the configuration says so */
  sumOf(type: T, named: boolean): T
  countOf(named: T | undefined): T
  text: T
}

/** What the configuration means for the rows at hand. Pure. */
export interface Plan<T> {
  exact: boolean
  key: readonly string[]
  /** of the rows, without `_gs_op` */
  columns: readonly PlanColumn<T>[]
  groups: readonly Part<T>[]
  values: readonly Value<T>[]
  aggregates: readonly Aggregate[]
  /** columns of the results */
  results: readonly PlanColumn<T>[]
  /** JSON of all that earlier results depend on */
  definition: string
}

export interface PlanColumn<T> {
  name: string
  type: T
}

/** A column that groups or values are taken from. */
export interface Part<T> {
  /** undefined: the constant 'value' */
  from: string | undefined
  type: T
  /** the values have to be turned into `type` first */
  convert: boolean
}

/** A column that is aggregated; functions over the same one share it. */
export interface Value<T> extends Part<T> {
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

export function planOf<T>(config: AggregateKeys, input: Stream, types: Types<T>): Plan<T> {
  const fields = input.schema.fields.filter(({ name }) => name !== OP)
  const key = config.primary_key.length > 0 ? config.primary_key : input.primaryKey
  const groups = groupsOf(config, fields, types)
  const values: Value<T>[] = []
  const counts = new Map<string, T>()
  const aggregates = Object.entries(config.aggregate).map(([name, { fn, from, type }]): Aggregate => {
    const path = ['aggregate', name]
    if (fn === 'count') {
      const named = type === undefined ? undefined : types.named(type, undefined, [...path, 'type'])
      if (named !== undefined && !['integer', 'uint64', 'decimal'].includes(types.kindOf(named)))
        throw wrong(`a count is a whole number, not ${type}: leave the type out`, [...path, 'type'])
      counts.set(name, types.countOf(named))
      return { name, fn, value: from === undefined ? undefined : presenceOf(values, find(fields, from, path), types) }
    }
    const value = aggregated(find(fields, from ?? name, path), fn, type, path, types)
    const known = values.findIndex(other => other.from === value.from && same(other, value, types))
    const at = known < 0 ? values.push(value) - 1 : known
    const shared = values[at]!
    values[at] = { ...shared, sum: shared.sum || value.sum, min: shared.min || value.min, max: shared.max || value.max }
    return { name, fn, value: at }
  })
  const resultsOf = ({ name, fn, value }: Aggregate): PlanColumn<T>[] => {
    if (fn === 'count') return [{ name, type: counts.get(name)! }]
    const { type } = values[value!]!
    if (fn === 'min' || fn === 'max') return [{ name, type }]
    const sum = types.sumOf(type, config.aggregate[name]!.type !== undefined)
    if (fn === 'sum') return [{ name, type: sum }]
    return [
      { name: `${name}_sum`, type: sum },
      { name: `${name}_count`, type: types.countOf(undefined) },
    ]
  }
  const exact = !config.append_only
  const results = [...groups.map(({ name, part: { type } }) => ({ name, type })), ...aggregates.flatMap(resultsOf)]
  return {
    exact,
    key,
    columns: fields.map(field => ({ name: field.name, type: types.of(field) })),
    groups: groups.map(({ part }) => part),
    values,
    aggregates,
    results,
    definition: definitionOf({ exact, key, groups, values, aggregates }, types),
  }
}

interface NamedPart<T> {
  name: string
  part: Part<T>
}

function groupsOf<T>(config: AggregateKeys, fields: readonly Field[], types: Types<T>): NamedPart<T>[] {
  const entries = Object.entries(config.group_by)
  if (entries.length === 0) return [{ name: 'key', part: { from: undefined, type: types.text, convert: false } }]
  return entries.map(([name, { from, type }]) => {
    const path = ['group_by', name]
    const field = find(fields, from ?? name, path)
    return {
      name,
      part: partOf(field, type === undefined ? types.of(field) : types.named(type, field, [...path, 'type']), types),
    }
  })
}

const partOf = <T>(field: Field, type: T, types: Types<T>): Part<T> & { from: string } => ({
  from: field.name,
  type,
  convert: !types.isAlready(types.of(field), type),
})

function aggregated<T>(
  field: Field,
  fn: Aggregate['fn'],
  name: string | undefined,
  path: readonly string[],
  types: Types<T>,
): Value<T> {
  const type = types.computed(name === undefined ? types.of(field) : types.named(name, field, [...path, 'type']))
  const kind = types.kindOf(type)
  const adds = fn === 'sum' || fn === 'avg'
  if (adds ? !['integer', 'real', 'decimal'].includes(kind) : kind === 'json')
    throw wrong(
      `${fn} of column ${shown(field.name)}, which is ${types.nameOf(type)}: ${adds ? 'set a type such as bigint, double or numeric(38, 9)' : 'it has no order'}`,
      [...path, name === undefined ? 'from' : 'type'],
    )
  return { ...partOf(field, type, types), kind, sum: adds, min: fn === 'min', max: fn === 'max' }
}

/** To count what is not null, any value of the column will do. */
function presenceOf<T>(values: Value<T>[], field: Field, types: Types<T>): number {
  const at = values.findIndex(({ from }) => from === field.name)
  if (at >= 0) return at
  const part = { from: field.name, type: types.of(field), convert: false }
  return values.push({ ...part, kind: 'presence', sum: false, min: false, max: false }) - 1
}

const same = <T>(a: Value<T>, b: Value<T>, types: Types<T>): boolean =>
  a.kind === b.kind && types.isAlready(a.type, b.type)

function find(fields: readonly Field[], name: string, path: readonly string[]): Field {
  const field = fields.find(candidate => candidate.name === name)
  if (field !== undefined) return field
  throw wrong(`there is no column ${shown(name)}: the rows have ${fields.map(f => shown(f.name)).join(', ')}`, path)
}

interface Meaning<T> extends Pick<Plan<T>, 'exact' | 'key' | 'values' | 'aggregates'> {
  groups: readonly NamedPart<T>[]
}

function definitionOf<T>({ exact, key, groups, values, aggregates }: Meaning<T>, types: Types<T>): string {
  const store = ({ from, type }: Part<T>) => ({ from, as: types.storedAs(type) })
  // a database that adds to results finds their groups by itself
  const compared = ({ type }: Part<T>) => ({ by: exact ? types.comparedBy?.(type) : undefined })
  return JSON.stringify({
    append_only: !exact,
    primary_key: key,
    group_by: groups.map(({ name, part }) => ({ name, ...store(part), ...compared(part) })),
    aggregate: aggregates.map(({ name, fn, value }) => ({
      name,
      fn,
      ...(value !== undefined && (fn === 'count' ? { from: values[value]!.from } : store(values[value]!))),
    })),
  })
}

/** As SQL writes a name. */
const shown = (name: string): string => `"${name.replaceAll('"', '""')}"`

const wrong = (message: string, path: readonly string[]) => new PipelineError('bad_pipeline', message, { path })
