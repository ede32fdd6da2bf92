/** A name in SQL. */
export const quote = (name: string): string => `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``

/** A text in SQL. */
export const literal = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

export interface TableName {
  database: string
  table: string
}

/** `table`, or `database.table`. */
export function tableName(text: string, database: string): TableName {
  const dot = text.indexOf('.')
  return dot < 0 ? { database, table: text } : { database: text.slice(0, dot), table: text.slice(dot + 1) }
}

export const quoteTable = ({ database, table }: TableName): string => `${quote(database)}.${quote(table)}`
export const showTable = ({ database, table }: TableName): string => `${database}.${table}`
