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
import { quote, quoteList } from '../../drivers/postgres/names.ts'
import { OP } from '../../runtime/batch/types.ts'
import { comparedGroups, digestSql, sameGroup } from './groups.ts'
import { extreme, further, summed } from './numbers.ts'
import type { Plan, Value } from './types.ts'

const typeOfValue = ({ kind, type }: Value): string => (kind === 'presence' ? 'boolean' : type)

/** The temporary tables, which a transaction leaves empty. */
export function scratchSql({ latest, work, delta }: Scratch, plan: Plan): string[] {
  const keys = plan.key.map((name, at) => `k${at} ${plan.columns.find(column => column.name === name)!.type}`)
  const groups = plan.groups.map(({ type }, at) => `g${at} ${type}`)
  const values = plan.values.map((value, at) => `v${at} ${typeOfValue(value)}`)
  const old = plan.values.map((value, at) => `o${at} ${typeOfValue(value)}`)
  const deltas = plan.values.flatMap((value, at) => deltaColumns(value, at).map(({ name, type }) => `${name} ${type}`))
  const make = (name: string, columns: readonly string[]) =>
    `create temporary table ${name.replace('pg_temp.', '')} (${list(columns)}) on commit delete rows`
  return [
    make(latest, [...keys, 'op "char"', 'gk bytea', ...groups, ...values]),
    make(work, [...keys, 'op "char"', 'gid bigint', ...values, 'old_gid bigint', ...old]),
    make(delta, ['id bigint', 'rows bigint', ...deltas]),
  ]
}

export interface Epoch {
  number: number
  /** a key may have come twice */
  repeats: boolean
}

/** All of one epoch, in one transaction. */
export function commitSql(scratch: Scratch, plan: Plan, names: Names, sources: Sources, epoch: Epoch): string[] {
  const landing = landingSql(scratch, plan, names, sources, epoch)
  // the trigger does the rest
  if (!plan.exact) return landing
  return [
    ...landing,
    latestSql(scratch, plan, sources, epoch),
    groupsSql(scratch, plan, names),
    ...workSql(scratch, plan, names),
    deltaSql(scratch, plan),
    stateSql(scratch, plan, names),
    ...resultSql(scratch, plan, names),
  ]
}

/** Inserts are counted by the trigger, and nobody else has these keys: no ON CONFLICT, which costs twice as much. */
function landingSql(
  { staged }: Scratch,
  plan: Plan,
  { landing }: Names,
  sources: Sources,
  { number, repeats }: Epoch,
): string[] {
  const columns = quoteList([...sources.landing.map(({ name }) => name), OP, EPOCH])
  const insert = `insert into ${landing} (${columns})
    select ${list([...sources.landing.map(column => column.from), 's.op', String(number)])} from ${staged} s`
  if (plan.key.length === 0) return [insert]
  const newest = repeats ? latestOf(staged, [...sources.key, 's.op']) : 'true'
  const same = and([
    ...plan.key.map((name, at) => `x.${quote(name)} = ${sources.key[at]}`),
    `x.${quote(OP)} = s.op::text`,
  ])
  const others = sources.landing.filter(({ name }) => !plan.key.includes(name))
  const set = list([...others.map(({ name, from }) => `${quote(name)} = ${from}`), `${quote(EPOCH)} = ${number}`])
  return [
    `update ${landing} x set ${set} from ${staged} s where ${newest} and ${same}`,
    `${insert} where ${newest} and not exists (select 1 from ${landing} x where ${same})`,
  ]
}

const latestOf = (staged: string, key: readonly string[]): string =>
  `s.seq in (select max(s.seq) from ${staged} s group by ${list(key)})`

function latestSql({ staged, latest }: Scratch, plan: Plan, sources: Sources, { repeats }: Epoch): string {
  const { key, groups, values } = sources
  return `insert into ${latest} select ${list([...key, 's.op', digestSql(plan, groups), ...groups, ...values])} from ${staged} s
    where ${repeats ? latestOf(staged, key) : 'true'}`
}

/** Numbers for the groups that are new. */
function groupsSql({ latest }: Scratch, plan: Plan, { groups }: Names): string {
  const columns = list(['gk', ...all(plan.groups.length, at => `g${at}`)])
  return `insert into ${groups} (${columns}) select distinct on (${list(['gk', ...comparedGroups(plan)])}) ${columns} from ${latest} l
    where l.op <> 'd' and not exists (select 1 from ${groups} g where ${sameGroup(plan)})`
}

/** Rows that contribute something else than before; then the contributions themselves. */
function workSql(scratch: Scratch, plan: Plan, names: Names): string[] {
  const { work } = scratch
  const { contributions } = names
  const keys = all(plan.key.length, at => `k${at}`)
  const values = all(plan.values.length, at => `v${at}`)
  const set = list(['group_id = w.gid', ...values.map(v => `${v} = w.${v}`)])
  const sameKey = and(keys.map(k => `c.${k} = w.${k}`))
  return [
    changesSql(scratch, plan, names, sameGroup(plan)),
    `delete from ${contributions} c using ${work} w where w.op = 'd' and ${sameKey}`,
    `update ${contributions} c set ${set} from ${work} w where w.op <> 'd' and w.old_gid is not null and ${sameKey}`,
    `insert into ${contributions} (${list([...keys, 'group_id', ...values])})
     select ${list([...keys, 'gid', ...values])} from ${work} where op <> 'd' and old_gid is null`,
  ]
}

interface DeltaColumn {
  name: string
  type: string
  sql: string
}

/** What has come (`w` above 0) and gone (below) of a value. */
function deltaColumns(value: Value, at: number): DeltaColumn[] {
  const { kind, type, sum, min, max } = value
  const v = `v${at}`
  const columns = [{ name: `n${at}`, type: 'bigint', sql: `sum(case when ${v} is null then 0 else w end)` }]
  if (sum && kind === 'real')
    columns.push(
      { name: `plus${at}`, type: 'double precision', sql: `sum(${summed(kind, v)}) filter (where w > 0)` },
      { name: `gone${at}`, type: 'bigint', sql: `count(${v}) filter (where w < 0)` },
    )
  else if (sum) columns.push({ name: `plus${at}`, type: 'numeric', sql: `sum(${summed(kind, v)} * w)` })
  for (const fn of ['min', 'max'] as const) {
    if (!(fn === 'min' ? min : max)) continue
    columns.push({ name: `come_${fn}${at}`, type, sql: extreme(fn, type, v, 'w > 0') })
    columns.push({ name: `gone_${fn}${at}`, type, sql: extreme(fn, type, v, 'w < 0') })
  }
  return columns
}

function deltaSql({ work, delta }: Scratch, plan: Plan): string {
  const values = all(plan.values.length, at => `v${at}`)
  const old = all(plan.values.length, at => `o${at}`)
  const sums = plan.values.flatMap((value, at) => deltaColumns(value, at).map(({ sql }) => sql))
  return `insert into ${delta} select ${list(['id', 'sum(w)', ...sums])} from (
      select ${list(['gid as id', '1 as w', ...values])} from ${work} where op <> 'd'
      union all select ${list(['old_gid', '-1', ...old])} from ${work} where old_gid is not null
    ) m group by id`
}

/** What is known of each group, brought up to date. */
function stateSql({ delta }: Scratch, plan: Plan, { groups, contributions }: Names): string {
  const set = statesSet(plan, {
    sum: (value, at) => sumSql(value, at, contributions),
    extreme: (fn, value, at) => extremeSql(fn, value, at, contributions),
  })
  return `update ${groups} as g set ${set} from ${delta} d where g.id = d.id`
}

const left = (aggregate: string, contributions: string): string =>
  `(select ${aggregate} from ${contributions} c where c.group_id = g.id)`

function sumSql({ kind }: Value, at: number, contributions: string): string {
  const [old, plus] = [`g.sum${at}`, `d.plus${at}`]
  const added = `coalesce(${old} + ${plus}, ${old}, ${plus})`
  if (kind === 'integer') return `case when ${empty(at)} then null else ${added} end`
  const anew = left(`sum(${summed(kind, `c.v${at}`)})`, contributions)
  // where a value has gone, so that it never drifts; exact ones do not, but nothing takes NaN or infinity back
  const isOff = kind === 'real' ? `d.gone${at} > 0` : `${added} * 0 <> 0`
  return `case when ${empty(at)} then null when ${isOff} then ${anew} else ${added} end`
}

function extremeSql(fn: 'min' | 'max', { type }: Value, at: number, contributions: string): string {
  const [old, come] = [`g.${fn}${at}`, `d.come_${fn}${at}`]
  const anew = left(extreme(fn, type, `c.v${at}`, 'true'), contributions)
  return `case when ${empty(at)} then null when d.gone_${fn}${at} = ${old} then ${anew} else ${further(fn)}(${old}, ${come}) end`
}

/** The results of the groups that changed; a group without rows goes. */
function resultSql({ delta }: Scratch, plan: Plan, { agg, groups }: Names): string[] {
  const key = resultColumns(plan, quote).slice(0, plan.groups.length)
  const gone = `delete from ${agg} a using ${delta} d join ${groups} g on g.id = d.id where g.row_count = 0`
  const hasNull = key.map(({ from }) => `${from} is null`).join(' or ')
  return [
    `${gone} and ${and(key.map(({ name, from }) => `a.${name} = ${from}`))}`,
    `${gone} and (${hasNull}) and ${and(key.map(({ name, from }) => `a.${name} is not distinct from ${from}`))}`,
    `${fillSql(plan, agg, `${delta} d join ${groups} g on g.id = d.id where g.row_count > 0`)}`,
    `delete from ${groups} g using ${delta} d where g.id = d.id and g.row_count = 0`,
  ]
}

function fillSql(plan: Plan, agg: string, from: string): string {
  const columns = resultColumns(plan, quote)
  const key = columns.slice(0, plan.groups.length).map(({ name }) => name)
  const set = columns.slice(plan.groups.length).map(({ name }) => `${name} = excluded.${name}`)
  return `insert into ${agg} (${list(columns.map(({ name }) => name))}) select ${list(columns.map(column => column.from))}
    from ${from} on conflict (${list(key)}) do update set ${list(set)}`
}

/** Fills an empty table of results from all groups. */
export const refillSql = (plan: Plan, { agg, groups }: Names): string => fillSql(plan, agg, `${groups} g where true`)
