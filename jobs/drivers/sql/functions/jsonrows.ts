import { type Data, Utf8 } from 'apache-arrow'
import { dataOf } from '../../../runtime/batch/build.ts'
import { jsonReader, textReader } from '../../../runtime/batch/cells.ts'
import type { ScalarFunction } from '../../duckdb/duckdb.ts'
import { rowwise } from './rowwise.ts'

/** JSON text of a value as `json_array` takes it: text that holds an object or array is taken for that. */
function embed(column: Data): (row: number) => string {
  const text = textReader(column)
  if (!(column.type instanceof Utf8)) return text
  const value = jsonReader(column)
  return row => {
    const given = value(row)
    return typeof given === 'string' && /^\s*[[{]/.test(given) && isJson(given) ? given.trim() : text(row)
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function jsonMaker(name: string, make: (values: readonly string[]) => string): ScalarFunction {
  return {
    name,
    parameters: [],
    rest: 'ANY',
    returns: 'VARCHAR',
    call(columns, rows) {
      const readers = columns.map(embed)
      const cells = Array.from({ length: rows }, (_, row) => make(readers.map(read => read(row))))
      return dataOf(new Utf8(), cells)
    },
  }
}

function objectOf(values: readonly string[], keep: (value: string) => boolean): string {
  if (values.length % 2 === 1) throw new Error('takes keys and values, an even number of them')
  const pairs = Array.from({ length: values.length / 2 }, (_, at) => [values[at * 2]!, values[at * 2 + 1]!] as const)
  const members = pairs.map(([key, value]) => {
    if (key === 'null') throw new Error('a key is null')
    return [key.startsWith('"') ? key : JSON.stringify(key), value] as const
  })
  return `{${members
    .filter(([, value]) => keep(value))
    .map(([key, value]) => `${key}:${value}`)
    .join(',')}}`
}

const all = () => true
const present = (value: string) => value !== 'null'

/** As the model quotes: `/` and what is not ASCII are escaped, too. */
function quote(text: unknown): string {
  return JSON.stringify(String(text))
    .replaceAll('/', '\\/')
    .replace(/[^\x20-\x7e]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function unquote(text: unknown): unknown {
  if (typeof text !== 'string' || !/^".*"$/s.test(text)) return text
  return isJson(text) ? JSON.parse(text) : text
}

export const jsonFunctions: readonly ScalarFunction[] = [
  jsonMaker('mr_json_array', values => `[${values.join(',')}]`),
  jsonMaker('json_array_absent_on_null', values => `[${values.filter(present).join(',')}]`),
  jsonMaker('mr_json_object', values => objectOf(values, all)),
  jsonMaker('json_object_absent_on_null', values => objectOf(values, present)),
  {
    name: 'json_string',
    parameters: ['ANY'],
    returns: 'VARCHAR',
    call([column], rows) {
      const [text, value] = [textReader(column!), jsonReader(column!)]
      const cells = Array.from({ length: rows }, (_, row) => (value(row) === null ? null : text(row)))
      return dataOf(new Utf8(), cells)
    },
  },
  rowwise('mr_json_quote', { parameters: ['VARCHAR'], returns: 'VARCHAR', call: quote }),
  rowwise('json_unquote', { parameters: ['VARCHAR'], returns: 'VARCHAR', call: unquote }),
]
