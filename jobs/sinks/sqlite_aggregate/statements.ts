import { EPOCH } from '../../drivers/aggregate/plan.ts'
import {
  all,
  and,
  changesSql,
  empty,
  list,
  type Names,
  resultColumns,
  type Scratch,
  type Sources,
  statesSet,
} from '../../drivers/aggregate/statements.ts'
import { quote } from '../../drivers/sqlite-sink/table.ts'
import { OP } from '../../runtime/batch/types.ts'
import type { Plan, Value } from './plan.ts'

/*
 * `+d.id` keeps SQLite from looking up the delta for each group there is, where it can look up the groups of the delta.
 */

/** The temporary tables. With append_only `latest` has a row of each key and operation, if it has not landed before. */
export function scratchSql({ latest, work, delta }: Scratch, plan: Plan): string[] {
  const keys = all(plan.key.length, at => `k${at}`)
  const groups = all(plan.groups.length, at => `g${at}`)
  const values = all(plan.values.length, at => `v${at}`)
  const old = plan.exact ? all(plan.values.length, at => `o${at}`) : []
  const deltas = plan.values.flatMap((value, at) => deltaColumns(value, at, plan.exact).map(([name]) => name))
  return [
    `create table ${latest} (${list([...keys, 'op', ...groups, ...values, 'seq'])})`,
    `create table ${work} (${list([...keys, 'op', 'gid', ...values, 'old_gid', ...old])})`,
    `create table ${delta} (${list(['id integer primary key', 'rows', ...deltas])})`,
  ]
}

/** Fills `latest`, before the transaction. */
export function latestSql({ staged, latest }: Scratch, plan: Plan, sources: Sources): string {
  const columns = [...sources.key, 's.op', ...sources.groups, ...sources.values]
  // beside max() SQLite takes the other columns from the row that has it
  if (plan.key.length === 0) return `insert into ${latest} select ${list([...columns, 's.seq'])} from ${staged} s`
  const by = list(plan.exact ? sources.key : [...sources.key, 's.op'])
  return `insert into ${latest} select ${list([...columns, 'max(s.seq)'])} from ${staged} s group by ${by}`
}

/** All of one epoch, inside the transaction; `?` of the landing is the epoch. */
export function commitSql(
  scratch: Scratch,
  plan: Plan,
  names: Names,
  sources: Sources,
): { landing: string; rest: string[] } {
  const fill = plan.exact ? exactWork(scratch, plan, names) : freshWork(scratch, plan, names)
  const results = resultSql(scratch, plan, names)
  return {
    landing: landingSql(scratch, plan, names, sources),
    rest: [
      groupsSql(scratch, plan, names),
      ...fill,
      deltaSql(scratch, plan),
      stateSql(scratch, plan, names),
      ...results,
      ...[scratch.latest, scratch.work, scratch.delta].map(table => `delete from ${table}`),
    ],
  }
}

function landingSql({ staged }: Scratch, plan: Plan, { landing }: Names, sources: Sources): string {
  const names = list([...sources.landing.map(({ name }) => name), OP, EPOCH].map(quote))
  const from = `select ${list([...sources.landing.map(column => column.from), 's.op', '?'])} from ${staged} s where true order by s.seq`
  if (plan.key.length === 0) return `insert into ${landing} (${names}) ${from}`
  const others = [...sources.landing.map(({ name }) => name).filter(name => !plan.key.includes(name)), EPOCH]
  const set = list(others.map(name => `${quote(name)} = excluded.${quote(name)}`))
  return `insert into ${landing} (${names}) ${from} on conflict (${list([...plan.key, OP].map(quote))}) do update set ${set}`
}

const sameGroup = (plan: Plan, a: string, b: string): string =>
  and(all(plan.groups.length, at => `${a}.g${at} is ${b}.g${at}`))

/** Numbers for the groups that are new. */
function groupsSql({ latest }: Scratch, plan: Plan, { groups }: Names): string {
  const columns = all(plan.groups.length, at => `g${at}`)
  const which = plan.exact ? "l.op <> 'd'" : 'true'
  return `insert into ${groups} (${list(columns)}) select distinct ${list(columns.map(g => `l.${g}`))} from ${latest} l
    where ${which} and not exists (select 1 from ${groups} g where ${sameGroup(plan, 'g', 'l')})`
}

/** Rows that contribute something else than before; then the contributions themselves. */
function exactWork(scratch: Scratch, plan: Plan, names: Names): string[] {
  const { work } = scratch
  const { contributions } = names
  const keys = all(plan.key.length, at => `k${at}`)
  const values = all(plan.values.length, at => `v${at}`)
  const set = list(['group_id', ...values].map(name => `${name} = excluded.${name}`))
  return [
    changesSql(scratch, plan, names, sameGroup(plan, 'g', 'l')),
    `delete from ${contributions} where (${list(keys)}) in (select ${list(keys)} from ${work} where op = 'd')`,
    `insert into ${contributions} (${list([...keys, 'group_id', ...values])})
     select ${list([...keys, 'gid', ...values])} from ${work} where op <> 'd' on conflict (${list(keys)}) do update set ${set}`,
  ]
}

/** append_only: rows whose key and operation are not in the landing table, which is written after this. */
function freshWork({ latest, work }: Scratch, plan: Plan, { groups, landing }: Names): string[] {
  const keys = all(plan.key.length, at => `k${at}`)
  const values = all(plan.values.length, at => `v${at}`)
  const landed = and([...plan.key.map((name, at) => `x.${quote(name)} = l.k${at}`), `x.${quote(OP)} = l.op`])
  const isNew = plan.key.length === 0 ? 'true' : `not exists (select 1 from ${landing} x where ${landed})`
  return [
    `insert into ${work} select ${list([...keys.map(k => `l.${k}`), 'l.op', 'g.id', ...values.map(v => `l.${v}`), 'null'])}
     from ${latest} l cross join ${groups} g on ${sameGroup(plan, 'g', 'l')} where ${isNew}`,
  ]
}

/**
 * What has come (`w` above 0) and gone (below) of a value, as columns of the delta with their expressions. Integers are
 * added in two halves of 32 bits, which cannot overflow.
 */
function deltaColumns({ kind, sum, min, max }: Value, at: number, exact: boolean): [name: string, sql: string][] {
  const v = `v${at}`
  const decimal = kind === 'decimal'
  const extreme = (fn: 'min' | 'max') => (decimal ? `_millrace_decimal_${fn}` : fn)
  const columns: [string, string][] = [[`n${at}`, `sum(case when ${v} is null then 0 else n end)`]]
  if (sum && kind === 'integer')
    columns.push([`high${at}`, `sum((${v} >> 32) * w)`], [`low${at}`, `sum((${v} & 4294967295) * w)`])
  if (sum && decimal) columns.push([`plus${at}`, `_millrace_decimal_sum(${v}, w)`])
  if (sum && kind === 'real') columns.push([`plus${at}`, exact ? `sum(${v}) filter (where w > 0)` : `sum(${v} * w)`])
  if (sum && kind === 'real' && exact) columns.push([`gone${at}`, `count(${v}) filter (where w < 0)`])
  for (const fn of ['min', 'max'] as const) {
    if (!(fn === 'min' ? min : max)) continue
    columns.push([`come_${fn}${at}`, `${extreme(fn)}(${v}) filter (where w > 0)`])
    if (exact) columns.push([`gone_${fn}${at}`, `${extreme(fn)}(${v}) filter (where w < 0)`])
  }
  return columns
}

function deltaSql({ work, delta }: Scratch, plan: Plan): string {
  const values = all(plan.values.length, at => `v${at}`)
  const old = all(plan.values.length, at => `o${at} as v${at}`)
  const moves = plan.exact
    ? `select ${list(['gid as id', '1 as w', '1 as n', ...values])} from ${work} where op <> 'd'
       union all select ${list(['old_gid', '-1', '-1', ...old])} from ${work} where old_gid is not null`
    : `select ${list(['gid as id', "case op when 'd' then -1 else 1 end as w", "case op when 'i' then 1 when 'u' then 0 else -1 end as n", ...values])} from ${work}`
  const sums = plan.values.flatMap((value, at) => deltaColumns(value, at, plan.exact).map(([, sql]) => sql))
  return `insert into ${delta} select ${list(['id', 'sum(n)', ...sums])} from (${moves}) group by id`
}

/** What is known of each group, brought up to date. */
function stateSql({ delta }: Scratch, plan: Plan, { groups, contributions }: Names): string {
  const set = statesSet(plan, {
    sum: (value, at) => sumSql(value, at, plan.exact, contributions),
    extreme: (fn, value, at) => extremeSql(fn, value, at, plan.exact, contributions),
  })
  return `update ${groups} as g set ${set} from ${delta} d where g.id = +d.id`
}

const left = (fn: string, at: number, contributions: string): string =>
  `(select ${fn}(c.v${at}) from ${contributions} c where c.group_id = g.id)`

function sumSql({ kind }: Value, at: number, exact: boolean, contributions: string): string {
  const [old, plus] = [`g.sum${at}`, `d.plus${at}`]
  const unless = (none: string, sql: string) => `case when ${none} then null else ${sql} end`
  if (kind === 'integer') {
    const added = `case when d.high${at} is null then ${old} else _millrace_integer(${old}, d.high${at}, d.low${at}) end`
    return exact ? unless(empty(at), added) : added
  }
  if (kind === 'decimal') {
    const added = `_millrace_decimal_add(${old}, ${plus})`
    return exact ? unless(empty(at), added) : added
  }
  if (!exact) return `coalesce(${old} + ${plus}, ${old}, ${plus})`
  // added up anew where a value has gone, so that it never drifts; infinities may have made it null
  const anew = left('sum', at, contributions)
  return `case when ${empty(at)} then null when d.gone${at} > 0 then ${anew}
    when g.n${at} = 0 then ${plus} when d.n${at} = 0 then ${old} else ${old} + ${plus} end`
}

function extremeSql(fn: 'min' | 'max', { kind }: Value, at: number, exact: boolean, contributions: string): string {
  const decimal = kind === 'decimal'
  const [old, come] = [`g.${fn}${at}`, `d.come_${fn}${at}`]
  const further = decimal
    ? `_millrace_decimal_${fn === 'min' ? 'least' : 'most'}(${old}, ${come})`
    : `coalesce(${fn}(${old}, ${come}), ${old}, ${come})`
  if (!exact) return further
  const anew = left(decimal ? `_millrace_decimal_${fn}` : fn, at, contributions)
  return `case when ${empty(at)} then null when d.gone_${fn}${at} = ${old} then ${anew} else ${further} end`
}

/** The results of the groups that changed; a group without rows goes. */
function resultSql({ delta }: Scratch, plan: Plan, { agg, groups }: Names): string[] {
  const columns = resultColumns(plan, quote)
  const key = columns.slice(0, plan.groups.length)
  const set = columns.slice(plan.groups.length).map(({ name, from }) => `${name} = ${from}`)
  const same = and(key.map(({ name, from }) => `a.${name} is ${from}`))
  const changed = `${delta} d join ${groups} g on g.id = +d.id`
  const gone = [
    `delete from ${agg} where rowid in (select a.rowid from ${changed} join ${agg} a on ${same} where g.row_count = 0)`,
    `delete from ${groups} where row_count = 0 and id in (select id from ${delta})`,
  ]
  return [
    ...(plan.exact ? gone : []),
    `update ${agg} as a set ${list(set)} from ${changed} where ${same}`,
    `insert into ${agg} (${list(columns.map(({ name }) => name))}) select ${list(columns.map(({ from }) => from))} from ${changed}
     where not exists (select 1 from ${agg} a where ${same})`,
  ]
}

/** Fills an empty table of results from all groups. */
export function refillSql(plan: Plan, { agg, groups }: Names): string {
  const columns = resultColumns(plan, quote)
  return `insert into ${agg} (${list(columns.map(({ name }) => name))}) select ${list(columns.map(({ from }) => from))} from ${groups} g`
}
