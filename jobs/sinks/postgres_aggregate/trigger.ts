import type { Names } from '../../drivers/aggregate/statements.ts'
import { literal, qualified, quote, quoteList } from '../../drivers/postgres/names.ts'
import { OP } from '../../runtime/batch/types.ts'
import { modelFunction, modelTrigger } from './names.ts'
import { extreme, further, summed } from './numbers.ts'
import type { AggregateConfig } from './postgres_aggregate.ts'
import type { Part, Plan } from './types.ts'

/** With append_only the results are added to by a trigger, as in the model, whoever puts rows into the landing table. */
export function triggerSql(plan: Plan, config: AggregateConfig, names: Names): string[] {
  const fn = qualified(config.schema, modelFunction(config))
  const trigger = quote(modelTrigger(config))
  const body = `begin
  ${addSql(plan, names)};
  return null;
end`
  return [
    `create or replace function ${fn}() returns trigger language plpgsql as ${literal(body)}`,
    `drop trigger if exists ${trigger} on ${names.landing}`,
    `create trigger ${trigger} after insert on ${names.landing} referencing new table as new_table
     for each statement execute function ${fn}()`,
  ]
}

const op = `n.${quote(OP)}`

function addSql(plan: Plan, { agg }: Names): string {
  const groups = plan.groups.map(cellOf)
  const columns = plan.aggregates.flatMap(({ fn, value }) => resultsOf(plan, fn, value))
  const names = plan.results.map(({ name }) => quote(name))
  const set = columns.map(({ merge }, at) => {
    const name = names[groups.length + at]!
    const [old, more] = [`a.${name}`, `excluded.${name}`]
    if (merge === 'add') return `${name} = coalesce(${old} + ${more}, ${old}, ${more})`
    return `${name} = ${merge}(${old}, ${more})`
  })
  return `insert into ${agg} as a (${names.join(', ')})
  select ${[...groups, ...columns.map(({ from }) => from)].join(', ')} from new_table n
  group by ${groups.map((_, at) => at + 1).join(', ')}
  on conflict (${quoteList(plan.results.slice(0, groups.length).map(({ name }) => name))}) do update set ${set.join(', ')}`
}

const cellOf = ({ from, type, convert }: Part): string =>
  from === undefined ? `'value'::text` : `n.${quote(from)}${convert ? `::${type}` : ''}`

function resultsOf(plan: Plan, fn: string, at: number | undefined): { from: string; merge: string }[] {
  const value = at === undefined ? undefined : plan.values[at]!
  const v = value === undefined ? '1' : cellOf(value)
  const count = {
    from: `sum(case when ${v} is null then 0 when ${op} = 'd' then -1 when ${op} = 'u' then 0 else 1 end)`,
    merge: 'add',
  }
  if (fn === 'count' || value === undefined) return [count]
  if (fn === 'min' || fn === 'max') return [{ from: extreme(fn, value.type, v, `${op} <> 'd'`), merge: further(fn) }]
  const sum = { from: `sum(case when ${op} = 'd' then -1 else 1 end * ${summed(value.kind, v)})`, merge: 'add' }
  return fn === 'avg' ? [sum, count] : [sum]
}
