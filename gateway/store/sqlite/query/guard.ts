import type Database from 'better-sqlite3'
import { AppError } from '../../../../core/errors.ts'
import type { Db } from '../database.ts'

/** What a query may read; everything else of the file (`tokens` above all) is refused. */
const dataTables = /^(streams|events|dead_letters|otlp_\w+|jobs|job_runs|sqlite_schema)$/

/** A method of better-sqlite3 13 that its published types lack. */
interface Explains extends Db {
  explain(sql: string): { opcode: string; p2: number; p3: number; p4: unknown }[]
}

/** Table functions that read only their arguments; other virtual tables tell of the file, or of tables in it. */
const tableFunctions = ['json_each', 'json_tree', 'jsonb_each', 'jsonb_tree']

/**
 * Prepares `sql` if it is one statement that only reads data tables. Tables are told from the program that SQLite
 * compiled (`EXPLAIN`: each OpenRead names the root page of a b-tree, each VOpen the address of a virtual table), so that
 * no spelling gets around the check.
 */
export function checkReadOnly(db: Db, sql: string): Database.Statement<unknown[]> {
  const text = skipComments(sql)
  if (!/^(select|with|values)\b/i.test(text)) throw refused('it must be one SELECT (or WITH … SELECT, or VALUES)')
  const statement = prepare(db, sql)
  if (!statement.reader || !statement.readonly) throw refused('it writes')

  const allowed = new Set([1])
  for (const { rootpage, tbl_name } of db
    .prepare('select rootpage, tbl_name from sqlite_schema where rootpage > 0')
    .all() as {
    rootpage: number
    tbl_name: string
  }[])
    if (dataTables.test(tbl_name)) allowed.add(rootpage)
  const virtual = new Set<unknown>()
  for (const name of tableFunctions)
    for (const { opcode, p4 } of explain(db, `select 1 from ${name}('[]')`)) if (opcode === 'VOpen') virtual.add(p4)
  for (const { opcode, p2, p3, p4 } of explain(db, sql)) {
    const opensTable = opcode === 'OpenRead' || opcode === 'ReopenIdx' || opcode === 'OpenWrite'
    if (opensTable && (p3 > 1 || (p3 === 0 && !allowed.has(p2))))
      throw refused('it reads a table that holds no data of streams')
    if (opcode === 'VOpen' && !virtual.has(p4))
      throw refused(`the only table functions that it may have are ${tableFunctions.join(', ')}; no PRAGMA, no dbstat`)
  }
  return statement
}

const explain = (db: Db, sql: string) => (db as Explains).explain(sql)

function prepare(db: Db, sql: string): Database.Statement<unknown[]> {
  try {
    return db.prepare<unknown[]>(sql)
  } catch (error) {
    throw new AppError('bad_query', `the SQL cannot be prepared: ${(error as Error).message}`, {}, error)
  }
}

function skipComments(sql: string): string {
  return sql.replace(/^(\s+|--[^\n]*(\n|$)|\/\*[\s\S]*?\*\/)+/, '')
}

function refused(why: string): AppError {
  return new AppError('bad_query', `the SQL is refused: ${why}`)
}

/**
 * True where `text` is one SQL expression that stays inside the parentheses put around it: brackets balance outside
 * literals, and there is no comment, statement end or subquery.
 */
export function isPlainExpression(text: string): boolean {
  const bare = text.replace(/'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]/g, ' x ')
  if (/['"`[\];]|--|\/\*|\b(select|with|values|pragma\w*)\b|\?|[:@$]\w/i.test(bare)) return false
  let open = 0
  for (const char of bare) {
    if (char === '(') open++
    if (char === ')' && --open < 0) return false
  }
  return open === 0 && bare.trim() !== ''
}
