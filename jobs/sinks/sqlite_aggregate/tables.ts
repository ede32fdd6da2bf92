import { Int64, Utf8 } from 'apache-arrow'
import { EPOCH } from '../../drivers/aggregate/plan.ts'
import type { Names } from '../../drivers/aggregate/statements.ts'
import type { Db } from '../../drivers/sqlite-sink/connection.ts'
import {
  addSql,
  type Column,
  checkColumns,
  createSql,
  missingColumns,
  quote,
  readTable,
  type Table,
} from '../../drivers/sqlite-sink/table.ts'
import { declare } from '../../drivers/sqlite-sink/types.ts'
import { kindOf } from '../../runtime/batch/kinds.ts'
import { OP } from '../../runtime/batch/types.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { Plan, Value } from './plan.ts'
import type { AggregateConfig } from './sqlite_aggregate.ts'

export function namesOf({ landing_table, agg_table }: AggregateConfig): Names {
  return {
    landing: `main.${quote(landing_table)}`,
    agg: `main.${quote(agg_table)}`,
    groups: `main.${quote(`_millrace_groups_${agg_table}`)}`,
    contributions: `main.${quote(`_millrace_contributions_${agg_table}`)}`,
  }
}

/** The rows as they land. */
export const landingColumns = ({ columns }: Pick<Plan, 'columns'>): Column[] => [
  ...columns,
  { name: OP, type: new Utf8() },
  { name: EPOCH, type: new Int64() },
]
const landingKey = ({ key }: Plan): string[] => (key.length > 0 ? [...key, OP] : [])

/** The mistakes that no database is needed to see. */
export function checkPlan(plan: Plan, config: AggregateConfig): void {
  checkColumns(landingColumns(plan), plan.key)
  checkColumns(plan.results, [])
  if (config.landing_table.toLowerCase() === config.agg_table.toLowerCase())
    throw new PipelineError('bad_pipeline', 'landing_table and agg_table must be two tables', { path: ['agg_table'] })
  if (plan.exact && plan.key.length === 0)
    throw new PipelineError(
      'bad_pipeline',
      'there is no primary_key, by which updates and deletes find what they replace: set one, or append_only: true',
      { path: ['primary_key'] },
    )
}

/** The tables as they are, where they fit; throws where they do not. */
export function findTables(db: Db, plan: Plan, config: AggregateConfig) {
  const definition = readDefinition(db, config)
  if (definition !== undefined && definition !== plan.definition)
    throw new PipelineError(
      'bad_pipeline',
      `table ${quote(config.agg_table)} was computed otherwise, as ${definition}: name other tables, or drop it with ${quote(`_millrace_groups_${config.agg_table}`)} and ${quote(`_millrace_contributions_${config.agg_table}`)}, delete its row of _millrace_aggregates, and start again with --reset`,
    )
  const landing = readTable(db, config.landing_table)
  const lacking = landing && missingColumns(landing, landingColumns(plan), landingKey(plan))
  const agg = readTable(db, config.agg_table)
  if (agg !== undefined) checkAgg(agg, plan)
  return { landing, lacking, agg, definition }
}

function checkAgg(agg: Table, { results, groups }: Plan): void {
  const wrong = (message: string) => new PipelineError('bad_pipeline', `table ${quote(agg.name)}: ${message}`)
  const key = results.slice(0, groups.length).map(({ name }) => name)
  const lacking = missingColumns(agg, results, key)
  if (lacking.length > 0)
    throw wrong(`it has no column ${lacking.map(({ name }) => quote(name)).join(', ')}: name another agg_table`)
  if (agg.withoutRowid) throw wrong('it is WITHOUT ROWID, and a group may be null: make it without')
  if (agg.rowid !== undefined)
    throw wrong(`column ${quote(agg.rowid)} is the row's own number, and a group may be null: declare it BIGINT`)
}

function readDefinition(db: Db, { agg_table }: AggregateConfig): string | undefined {
  if (readTable(db, '_millrace_aggregates') === undefined) return undefined
  return db
    .prepare<[string], string>('select definition from _millrace_aggregates where agg_table = lower(?)')
    .pluck()
    .get(agg_table)
}

/**
 * Makes what is missing, inside a transaction. A table of results that is gone comes back from the groups. False where
 * the groups are gone although rows were published.
 */
export function makeTables(db: Db, plan: Plan, config: AggregateConfig, published: boolean, refill: string): boolean {
  const { landing, lacking = [], agg, definition } = findTables(db, plan, config)
  if (definition === undefined && published) return false
  if (landing === undefined) createLanding(db, plan, config)
  else for (const column of lacking) db.exec(addSql(landing, column))
  if (agg === undefined) db.exec(aggSql(plan, config))
  if (definition === undefined) {
    createInner(db, plan, config)
    db.prepare('insert into _millrace_aggregates (agg_table, definition) values (lower(?), ?)').run(
      config.agg_table,
      plan.definition,
    )
  } else if (agg === undefined) db.exec(refill)
  return true
}

function createLanding(db: Db, plan: Plan, config: AggregateConfig): void {
  db.exec(createSql(config.landing_table, landingColumns(plan), landingKey(plan)))
  db.exec(
    `create index if not exists main.${quote(`idx_${config.landing_table}_checkpoint_epoch`)} on ${quote(config.landing_table)} (${quote(EPOCH)})`,
  )
}

/** Not STRICT, whose primary keys cannot be null, as a group can; and not INTEGER, which as a key would be the rowid. */
function aggSql({ results, groups }: Plan, config: AggregateConfig): string {
  const type = (column: Column) => {
    const name = declare(kindOf(column.type), false)
    return name === 'INTEGER' ? 'BIGINT' : name
  }
  const lines = results.map(column => `${quote(column.name)} ${type(column)}`)
  const key = results.slice(0, groups.length).map(({ name }) => quote(name))
  return `create table ${quote(config.agg_table)} (\n  ${lines.join(',\n  ')},\n  primary key (${key.join(', ')})\n)`
}

function createInner(db: Db, plan: Plan, config: AggregateConfig): void {
  const { groups, contributions } = namesOf(config)
  const typed = (name: string, part: { type: Column['type'] }) => `${name} ${declare(kindOf(part.type), true)}`
  const states = plan.values.flatMap((value, at) => [
    `n${at} INTEGER NOT NULL DEFAULT 0`,
    ...(['sum', 'min', 'max'] as const).filter(fn => value[fn]).map(fn => typed(`${fn}${at}`, value)),
  ])
  const grouped = plan.groups.map((part, at) => typed(`g${at}`, part))
  const all = ['id INTEGER PRIMARY KEY', ...grouped, 'row_count INTEGER NOT NULL DEFAULT 0', ...states]
  db.exec(
    'create table if not exists _millrace_aggregates (agg_table text primary key, definition text not null) strict',
  )
  db.exec(`create table ${groups} (${all.join(', ')}) strict`)
  const keys = plan.groups.map((_, at) => `g${at}`).join(', ')
  db.exec(`create index ${indexOf(groups)} on ${bare(groups)} (${keys})`)
  if (!plan.exact) return
  const key = plan.key.map(name => plan.columns.find(column => column.name === name)!)
  const columns = [
    ...key.map((column, at) => typed(`k${at}`, column)),
    'group_id INTEGER NOT NULL',
    ...plan.values.map((value, at) => (value.kind === 'presence' ? `v${at} INTEGER` : typed(`v${at}`, value))),
    `primary key (${key.map((_, at) => `k${at}`).join(', ')})`,
  ]
  db.exec(`create table ${contributions} (${columns.join(', ')}) strict, without rowid`)
  const sought = plan.values.flatMap((value, at) => (isRecomputed(value) ? [`v${at}`] : []))
  if (sought.length > 0)
    db.exec(`create index ${indexOf(contributions)} on ${bare(contributions)} (group_id, ${sought.join(', ')})`)
}

/** Whether what is left of a group has to be looked through once a value has left it. */
export const isRecomputed = ({ kind, sum, min, max }: Value): boolean => min || max || (sum && kind === 'real')

/** `main."x"` as `"x"`, and as the name of its index. */
const bare = (name: string): string => name.slice('main.'.length)
const indexOf = (name: string): string => `main.${bare(name).slice(0, -1)}_by_group"`
