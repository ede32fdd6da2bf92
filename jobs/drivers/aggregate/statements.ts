import type { Plan, Value } from './plan.ts'

/** What the statements of all databases have in common: names of tables and columns, and what needs no type. */

/** Tables of one sink, as SQL has their names. */
export interface Names {
  landing: string
  agg: string
  /** a number for each group, with all that is known of it */
  groups: string
  /** what each row of the source has contributed, by its key; not with append_only */
  contributions: string
}

/** Temporary tables of one sink. */
export interface Scratch {
  staged: string
  /** the last row of each key in the epoch */
  latest: string
  /** what changes: a row's old contribution, its new one, or both */
  work: string
  /** what that is for each group */
  delta: string
}

/** Columns of the staging, such as `s.c3`, or expressions over it. */
export interface Sources {
  key: readonly string[]
  groups: readonly string[]
  values: readonly string[]
  landing: readonly { name: string; from: string }[]
}

export const list = (parts: readonly string[]): string => parts.join(', ')
export const and = (parts: readonly string[]): string => parts.join(' and ')
export const all = (count: number, write: (at: number) => string): string[] =>
  Array.from({ length: count }, (_, at) => write(at))

/** Rows that contribute something else than before; `group`: how the groups `g` are found for the rows `l`. */
export function changesSql<T>(
  { latest, work }: Scratch,
  plan: Plan<T>,
  { groups, contributions }: Names,
  group: string,
): string {
  const keys = all(plan.key.length, at => `k${at}`)
  const values = all(plan.values.length, at => `v${at}`)
  const unchanged = and(['c.group_id = g.id', ...values.map(v => `c.${v} is not distinct from l.${v}`)])
  return `insert into ${work}
     select ${list([...keys.map(k => `l.${k}`), 'l.op', 'g.id', ...values.map(v => `l.${v}`), 'c.group_id', ...values.map(v => `c.${v}`)])}
     from ${latest} l
     left join ${contributions} c on ${and(keys.map(k => `c.${k} = l.${k}`))}
     left join ${groups} g on l.op <> 'd' and ${group}
     where case when l.op = 'd' then c.group_id is not null else (${unchanged}) is not true end`
}

/** How a database adds up and compares. */
export interface States<T> {
  sum(value: Value<T>, at: number): string
  extreme(fn: 'min' | 'max', value: Value<T>, at: number): string
}

/** Brings what is known of each group up to date with the delta `d`. On the right, `g` is as it was. */
export const statesSet = <T>({ values }: Plan<T>, { sum, extreme }: States<T>): string =>
  list([
    'row_count = g.row_count + d.rows',
    ...values.flatMap((value, at) => [
      `n${at} = g.n${at} + d.n${at}`,
      ...(value.sum ? [`sum${at} = ${sum(value, at)}`] : []),
      ...(value.min ? [`min${at} = ${extreme('min', value, at)}`] : []),
      ...(value.max ? [`max${at} = ${extreme('max', value, at)}`] : []),
    ]),
  ])

/** Without a value that is not null there is no sum, minimum or maximum. */
export const empty = (at: number): string => `g.n${at} + d.n${at} = 0`

/** Columns of the results as expressions over a group `g`. */
export function resultColumns<T>(plan: Plan<T>, quote: (name: string) => string): { name: string; from: string }[] {
  const from = plan.aggregates.flatMap(({ fn, value }) => {
    if (fn === 'count') return [value === undefined ? 'g.row_count' : `g.n${value}`]
    return fn === 'avg' ? [`g.sum${value}`, `g.n${value}`] : [`g.${fn}${value}`]
  })
  const groups = all(plan.groups.length, at => `g.g${at}`)
  return [...groups, ...from].map((expression, at) => ({ name: quote(plan.results[at]!.name), from: expression }))
}
