import { literal, qualified, quote, quoteList } from '../../drivers/postgres/names.ts'
import type { PostgresConfig } from './postgres.ts'

/** What the statements are made of: names of the target's columns stand where the staged columns c0, c1 … do. */
export interface Target {
  config: Pick<PostgresConfig, 'schema' | 'table' | 'on_conflict' | 'update_where'>
  /** of the staging, such as `pg_temp.x` */
  staged: string
  columns: readonly string[]
  /** positions of the key in `columns` */
  key: readonly number[]
  /** keys can be equal that are not the same: a row keeps the one that it came with first */
  folds: boolean
}

/** What is known of the staged rows. */
export interface Staged {
  deletes: boolean
  /** a key may have come twice */
  repeats: boolean
}

/**
 * The staged rows in the table as if each had been applied by itself, in order. A delete ends all that came before it
 * for the key: such rows are deleted first, and what came after is then inserted.
 */
export function applySql(target: Target, { deletes, repeats }: Staged): string[] {
  const { config, staged, columns, key, folds } = target
  const into = `insert into ${qualified(config.schema, config.table)} as target_ (${quoteList(columns)})`
  const rows = `select ${columns.map((_, at) => `s.c${at}`).join(', ')} from ${staged} s where s.op <> 'd'`
  if (key.length === 0) return [`${into} ${rows}`]
  const keys = key.map(at => `c${at}`).join(', ')
  const gone = deletes ? [deleteSql(target)] : []
  const conflict = `on conflict (${quoteList(key.map(at => columns[at]!))}) ${action(target)}`
  if (!repeats && !folds) return [...gone, `${into} ${rows} ${conflict}`]
  const after = deletes ? ` and ${afterDeletes(target)}` : ''
  // without deletes the rows are read as they were staged
  if (!isUpdate(target)) return [...gone, `${into} ${rows}${after}${deletes ? ' order by s.seq' : ''} ${conflict}`]
  if (Object.keys(config.update_where).length === 0 && !folds)
    return [...gone, `${into} ${rows} and s.seq in (select max(seq) from ${staged} group by ${keys}) ${conflict}`]
  const single = `s.seq in (select max(seq) from ${staged} where op <> 'd' group by ${keys} having count(*) = 1)`
  return [
    ...gone,
    `${into} ${rows}${after} and ${single} ${conflict}`,
    `do ${literal(loopSql(`${rows}${after} and not ${single} order by s.seq`, into, target, conflict))}`,
  ]
}

/**
 * The same where no key comes twice, for servers from version 15 on. It takes half as long as ON CONFLICT does with rows
 * that are new, and fails (23505) where someone else inserts one of the keys meanwhile.
 */
export function mergeSql(target: Target, deletes: boolean): string[] {
  const { config, staged, columns, key } = target
  const same = key.map(at => `target_.${quote(columns[at]!)} = s.c${at}`).join(' and ')
  const update = isUpdate(target)
    ? ` when matched${updateWhere(target, at => `s.c${at}`)} then update set ${assignments(target, at => `s.c${at}`)}`
    : ''
  return [
    ...(deletes ? [deleteSql(target)] : []),
    `merge into ${qualified(config.schema, config.table)} as target_ using (select * from ${staged} where op <> 'd') s on ${same}${update}
     when not matched then insert (${quoteList(columns)}) values (${columns.map((_, at) => `s.c${at}`).join(', ')})`,
  ]
}

function deleteSql({ config, staged, columns, key }: Target): string {
  const same = key.map(at => `target_.${quote(columns[at]!)} = s.c${at}`).join(' and ')
  const keys = key.map(at => `c${at}`).join(', ')
  return `delete from ${qualified(config.schema, config.table)} as target_
    using (select distinct ${keys} from ${staged} where op = 'd') s where ${same}`
}

function afterDeletes({ staged, key }: Target): string {
  const keys = key.map(at => `c${at}`).join(', ')
  const same = key.map(at => `d.c${at} = s.c${at}`).join(' and ')
  return `not exists (select 1 from (select ${keys}, max(seq) as seq from ${staged} where op = 'd' group by ${keys}) d
    where ${same} and d.seq > s.seq)`
}

/** What a row does depends on the one before it of the same key: those of one key come one after another. */
function loopSql(rows: string, into: string, { columns }: Target, conflict: string): string {
  return `#variable_conflict use_column
    declare millrace_row_ record;
    begin
      for millrace_row_ in ${rows} loop
        ${into} values (${columns.map((_, at) => `millrace_row_.c${at}`).join(', ')}) ${conflict};
      end loop;
    end`
}

const isUpdate = ({ columns, key, config }: Target): boolean =>
  config.on_conflict === 'update' && columns.length > key.length

function action(target: Target): string {
  if (!isUpdate(target)) return 'do nothing'
  const excluded = (at: number) => `excluded.${quote(target.columns[at]!)}`
  const where = updateWhere(target, excluded).replace(' and ', ' where ')
  return `do update set ${assignments(target, excluded)}${where}`
}

const assignments = ({ columns, key }: Target, value: (at: number) => string): string =>
  columns.flatMap((name, at) => (key.includes(at) ? [] : [`${quote(name)} = ${value(at)}`])).join(', ')

const updateWhere = ({ columns, config }: Target, value: (at: number) => string): string =>
  Object.entries(config.update_where)
    .map(([name, op]) => ` and ${value(columns.indexOf(name))} ${op} target_.${quote(name)}`)
    .join('')
