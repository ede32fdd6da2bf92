import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import pg from 'pg'
import { otlpTableNames } from '../../core/otlp/tables.ts'
import { unescapeNul } from '../../gateway/store/postgres/texts.ts'
import { repository } from './gateway.ts'

/** rows of one fetch */
const fetched = 10_000
const maxInteger = 2n ** 63n - 1n

type Cell = string | number | bigint | Buffer | null

/**
 * Writes a Postgres store into a new SQLite file, as the store of SQLite would have it: the tables of `schema.sql` with
 * their ids, all of one moment. Whatever the uniqueness of its indexes forbids is an error.
 */
export async function copyToSqlite(url: string, file: string): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    options: '-c search_path=millrace',
    types: { getTypeParser: () => (text: string) => text },
  })
  const db = new Database(file)
  await client.connect()
  try {
    db.pragma('journal_mode = off')
    db.pragma('synchronous = off')
    db.exec(readFileSync(join(repository, 'schema.sql'), 'utf8'))
    await client.query('begin isolation level repeatable read read only')
    db.exec('begin')
    for (const table of tablesOf(db)) await copyTable(client, db, table)
    db.exec('commit')
  } finally {
    db.close()
    await client.end()
  }
}

async function copyTable(client: pg.Client, db: Database.Database, table: string): Promise<void> {
  const columns = await columnsOf(client, db, table)
  const names = columns.map(({ name }) => name)
  const insert = db.prepare(`insert into ${table} (${names}) values (${names.map(() => '?')})`)
  await client.query(`declare rows no scroll cursor for select ${names} from ${table} order by ${orderOf(db, table)}`)
  for (;;) {
    const { rows } = await client.query<(string | null)[]>({ text: `fetch ${fetched} from rows`, rowMode: 'array' })
    if (rows.length === 0) break
    for (const row of rows) insert.run(row.map((text, k) => (text === null ? null : columns[k]!.read(text))))
  }
  await client.query('close rows')
}

interface Column {
  name: string
  read(text: string): Cell
}

/** Those that are stored. Of promoted attributes only Postgres knows, and they are added to the SQLite table. */
async function columnsOf(client: pg.Client, db: Database.Database, table: string): Promise<Column[]> {
  const { rows } = await client.query<{ name: string; type: string }>(
    `select column_name as name, data_type as type from information_schema.columns
     where table_schema = 'millrace' and table_name = $1 and is_generated = 'NEVER' order by ordinal_position`,
    [table],
  )
  const known = new Set(db.prepare('select name from pragma_table_info(?)').pluck().all(table))
  for (const { name } of rows) if (!known.has(name)) db.exec(`alter table ${table} add column ${name} text`)
  return rows.map(({ name, type }) => ({ name, read: readerOf(table, name, type) }))
}

function readerOf(table: string, column: string, type: string): Column['read'] {
  switch (type) {
    case 'bigint':
      return BigInt
    case 'numeric':
      return text => (BigInt(text) > maxInteger ? text : BigInt(text))
    case 'double precision':
      return text => (text === 'NaN' ? text : Number(text))
    case 'bytea':
      return text => Buffer.from(text.slice('\\x'.length), 'hex')
    case 'text':
    case 'json':
      return holdsNul(table, column) ? unescapeNul : text => text
    default:
      throw new Error(`${table}.${column} is of the type ${type}, of which the copy knows nothing`)
  }
}

/** Where the store puts something else for a NUL. */
const holdsNul = (table: string, column: string): boolean =>
  (otlpTableNames as readonly string[]).includes(table) || `${table}.${column}` === 'dead_letters.message'

const tablesOf = (db: Database.Database) =>
  db
    .prepare("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' order by name")
    .pluck()
    .all() as string[]

const orderOf = (db: Database.Database, table: string) =>
  (db.prepare('select name from pragma_table_info(?) where pk > 0 order by pk').pluck().all(table) as string[]).join(
    ', ',
  )
