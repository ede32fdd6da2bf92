import { EPOCH } from '../../drivers/aggregate/plan.ts'
import type { Names } from '../../drivers/aggregate/statements.ts'
import { literal, quote, quoteList } from '../../drivers/postgres/names.ts'
import type { PgSession } from '../../drivers/postgres/session.ts'
import { versionOf } from '../../drivers/postgres-sink/connection.ts'
import {
  addSql,
  type Column,
  columnOf,
  columnProblems,
  createSql,
  keyOf,
  missingColumns,
  readTable,
  type Table,
} from '../../drivers/postgres-sink/table.ts'
import { OP } from '../../runtime/batch/types.ts'
import type { Stream } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { comparedGroups, mergesGroups, refuseUncompared } from './groups.ts'
import { type AllNames, derived, modelTrigger, namesOf } from './names.ts'
import type { AggregateConfig } from './postgres_aggregate.ts'
import { triggerSql } from './trigger.ts'
import { kindOf, type Plan } from './types.ts'

/** The rows as they land. */
export const landingColumns = (columns: readonly Column[]): Column[] => [
  ...columns,
  { name: OP, type: 'text' },
  { name: EPOCH, type: 'bigint' },
]

/** The mistakes that no database is needed to see. */
export function planProblems(plan: Plan, config: AggregateConfig, input: Stream): PipelineError[] {
  const problems = [...columnProblems(landingColumns(rowColumns(input)), plan.key), ...columnProblems(plan.results, [])]
  const wrong = (message: string, path: readonly string[]) =>
    problems.push(new PipelineError('bad_pipeline', message, { path }))
  if (config.landing_table === config.agg_table) wrong('landing_table and agg_table must be two tables', ['agg_table'])
  if (plan.exact && plan.key.length === 0)
    wrong(
      'there is no primary_key, by which updates and deletes find what they replace: set one, or append_only: true',
      ['primary_key'],
    )
  return problems
}

export const rowColumns = (input: Stream): Column[] =>
  input.schema.fields.filter(({ name }) => name !== OP).map(columnOf)

export interface Found {
  landing: Table | undefined
  lacking: readonly Column[]
  agg: Table | undefined
  definition: string | undefined
}

/** The tables as they are, where they fit; throws where they do not. */
export async function findTables(
  session: PgSession,
  plan: Plan,
  config: AggregateConfig,
  columns: readonly Column[],
): Promise<Found> {
  const { schema, landing_table, agg_table } = config
  const names = namesOf(config)
  await refuseUncompared(session, plan)
  const definition = await readDefinition(session, config, names)
  if (definition !== undefined && definition !== plan.definition)
    throw new PipelineError(
      'bad_pipeline',
      `table ${schema}.${agg_table} was computed otherwise, as ${definition}: name other tables, or drop it with ${names.groups} and ${names.contributions}, delete its row of _millrace_aggregates, and start again with --reset`,
    )
  const landing = await readTable(session, schema, landing_table)
  const lacking = landing === undefined ? [] : missingColumns(landing, landingColumns(columns), landingKey(plan))
  const agg = await readTable(session, schema, agg_table)
  if (agg !== undefined) {
    checkAgg(agg, plan)
    if (definition === undefined && plan.exact) await refuseResults(session, config, names)
  }
  return { landing, lacking, agg, definition }
}

const landingKey = ({ key }: Plan): string[] => (key.length > 0 ? [...key, OP] : [])

function checkAgg(agg: Table, { results, groups, exact }: Plan): void {
  const wrong = (message: string) => new PipelineError('bad_pipeline', `table ${agg.schema}.${agg.name}: ${message}`)
  const given = new Set(results.map(({ name }) => name))
  for (const { name, required, generated } of agg.columns.values())
    if (required && !generated && !given.has(name))
      throw wrong(`column ${quote(name)} must have a value, and the results have no such column: give it a default`)
  for (const { name, type } of results) {
    const there = agg.columns.get(name)
    if (there === undefined) throw wrong(`it has no column ${quote(name)}: name another agg_table`)
    if (!holds(there.type, type))
      throw wrong(`column ${quote(name)}: it is ${there.type}, and the results are ${type}: name another agg_table`)
  }
  for (const { name, type } of exact ? results.slice(0, groups.length) : []) {
    const there = agg.columns.get(name)!
    if (mergesGroups(there, type))
      throw wrong(
        `column ${quote(name)}: it is ${there.type}${there.collation === null ? '' : ` collate ${there.collation}`}, in which two groups that differ as ${type} can be equal: give the group the type of the column, or name another agg_table`,
      )
  }
  const key = results.slice(0, groups.length).map(({ name }) => name)
  if (keyOf(agg, key) === undefined)
    throw wrong(`no primary key or unique index is on (${quoteList(key)}): create one, or name another agg_table`)
}

/** The same kind, or a number as an exact one. */
const holds = (there: string, wanted: string): boolean =>
  kindOf(there) === kindOf(wanted) || (kindOf(there) === 'decimal' && kindOf(wanted) === 'integer')

/** Results that nobody knows the rows of could be neither taken back nor told from ours. */
async function refuseResults(
  session: PgSession,
  { schema, agg_table }: AggregateConfig,
  { agg }: Names,
): Promise<void> {
  const { rows } = await session.query(`select 1 from ${agg} limit 1`)
  if (rows.length > 0)
    throw new PipelineError(
      'bad_pipeline',
      `table ${schema}.${agg_table} has results that this sink did not compute: name another agg_table, or set append_only: true to go on adding to them`,
      { path: ['agg_table'] },
    )
}

async function readDefinition(
  session: PgSession,
  { schema, agg_table }: AggregateConfig,
  { definitions }: AllNames,
): Promise<string | undefined> {
  if ((await readTable(session, schema, '_millrace_aggregates')) === undefined) return undefined
  const { rows } = await session.query<{ definition: string }>(
    `select definition from ${definitions} where agg_table = ${literal(agg_table)}`,
  )
  return rows[0]?.definition
}

/**
 * Makes what is missing, inside a transaction. A table of results that is gone comes back from the groups. False where
 * what they were computed from is gone although rows were published.
 */
export async function makeTables(
  session: PgSession,
  plan: Plan,
  config: AggregateConfig,
  columns: readonly Column[],
  published: boolean,
  refill: string,
): Promise<boolean> {
  const { schema, landing_table, agg_table } = config
  const names = namesOf(config)
  const { landing, lacking, agg, definition } = await findTables(session, plan, config, columns)
  if (published && (definition === undefined || (agg === undefined && !plan.exact))) return false
  if (landing === undefined) {
    await session.query(createSql(schema, landing_table, landingColumns(columns).map(made), landingKey(plan)))
    const index = quote(derived(`idx_${landing_table}_checkpoint_epoch`))
    await session.query(`create index ${index} on ${names.landing} (${quote(EPOCH)})`)
  }
  for (const column of lacking) await session.query(addSql(schema, landing_table, made(column)))
  if (agg === undefined) await session.query(await aggSql(session, plan, config))
  if (definition === undefined) {
    if (plan.exact) for (const sql of innerSql(plan, names)) await session.query(sql)
    await session.query(
      `create table if not exists ${names.definitions} (agg_table text primary key, definition text not null)`,
    )
    await session.query(`insert into ${names.definitions} values (${literal(agg_table)}, ${literal(plan.definition)})`)
  } else if (agg === undefined) await session.query(refill)
  // the model's own would count again what this sink has counted
  if (plan.exact) await session.query(`drop trigger if exists ${quote(modelTrigger(config))} on ${names.landing}`)
  else for (const sql of triggerSql(plan, config, names)) await session.query(sql)
  return true
}

/** Rows that others put there are of no epoch, and go with the first. */
const made = (column: Column): Column =>
  column.name === EPOCH ? { ...column, type: 'bigint not null default 0' } : column

/** A group may be null, and is one group then; before version 15 no key says so. */
async function aggSql(
  session: PgSession,
  { results, groups }: Plan,
  { schema, agg_table }: AggregateConfig,
): Promise<string> {
  const equal = (await versionOf(session)) >= 150_000 ? ' nulls not distinct' : ''
  const key = quoteList(results.slice(0, groups.length).map(({ name }) => name))
  return createSql(schema, agg_table, results, [], [`unique${equal} (${key})`])
}

function innerSql(plan: Plan, { groups, contributions }: Names): string[] {
  const states = plan.values.flatMap((value, at) => [
    `n${at} bigint not null default 0`,
    ...(value.sum ? [`sum${at} ${value.kind === 'real' ? 'double precision' : 'numeric'}`] : []),
    ...(value.min ? [`min${at} ${value.type}`] : []),
    ...(value.max ? [`max${at} ${value.type}`] : []),
  ])
  const isCompared = comparedGroups(plan).length > 0
  const grouped = plan.groups.map(({ type }, at) => `g${at} ${type}`)
  const keys = plan.key.map((name, at) => `k${at} ${plan.columns.find(column => column.name === name)!.type}`)
  const values = plan.values.map(({ kind, type }, at) => `v${at} ${kind === 'presence' ? 'boolean' : type}`)
  return [
    `create table ${groups} (${['id bigint generated always as identity primary key', `gk bytea not null${isCompared ? '' : ' unique'}`, ...grouped, 'row_count bigint not null default 0', ...states].join(', ')})`,
    `create table ${contributions} (${[...keys, 'group_id bigint not null', ...values, `primary key (${plan.key.map((_, at) => `k${at}`).join(', ')})`].join(', ')})`,
    ...(isCompared ? [`create index on ${groups} (gk)`] : []),
    ...(plan.values.some(isRecomputed) ? [`create index on ${contributions} (group_id)`] : []),
  ]
}

/** Whether what is left of a group has to be looked through once a value has left it. */
export const isRecomputed = ({ kind, sum, min, max }: Plan['values'][number]): boolean =>
  min || max || (sum && kind === 'real')
