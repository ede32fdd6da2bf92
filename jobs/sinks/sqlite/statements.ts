import { quote } from '../../drivers/sqlite-sink/table.ts'
import type { SqliteConfig } from './sqlite.ts'

/** What the statements are made of: names of the target's columns stand where the staged columns c0, c1 … do. */
export interface Target {
  table: string
  /** of the staging, such as `temp.x` */
  staged: string
  /** temporary table of deleted keys: k0, k1 …, seq */
  gone: string
  columns: readonly string[]
  /** positions of the key in `columns` */
  key: readonly number[]
  config: SqliteConfig
}

/**
 * The staged rows in the table as if each had been applied by itself, in order. A delete ends all that came before it
 * for the key, so that the last one of each key is deleted first, and the rows after it are then inserted in order.
 */
export function applySql({ table, staged, gone, columns, key, config }: Target, deletes: boolean): string[] {
  const into = `insert into main.${quote(table)} as target_ (${columns.map(quote).join(', ')})`
  const from = `select ${columns.map((_, at) => `s.c${at}`).join(', ')} from ${staged} s where s.op <> 'd'`
  if (key.length === 0) return [`${into} ${from} order by s.seq`]
  const target = key.map(at => quote(columns[at]!)).join(', ')
  const conflict = `on conflict (${target}) ${action({ columns, key, config })}`
  if (!deletes) return [`${into} ${from} order by s.seq ${conflict}`]
  const same = key.map((at, n) => `g.k${n} = s.c${at}`).join(' and ')
  const keys = key.map((_, n) => `k${n}`).join(', ')
  return [
    `delete from main.${quote(table)} where (${target}) in (select ${keys} from ${gone})`,
    `${into} ${from} and not exists (select 1 from ${gone} g where ${same} and g.seq > s.seq) order by s.seq ${conflict}`,
  ]
}

function action({ columns, key, config }: Pick<Target, 'columns' | 'key' | 'config'>): string {
  const others = columns.filter((_, at) => !key.includes(at))
  if (config.on_conflict === 'nothing' || others.length === 0) return 'do nothing'
  const set = others.map(name => `${quote(name)} = excluded.${quote(name)}`).join(', ')
  const where = Object.entries(config.update_where)
    .map(([name, op]) => `excluded.${quote(name)} ${op} target_.${quote(name)}`)
    .join(' and ')
  return `do update set ${set}${where === '' ? '' : ` where ${where}`}`
}
