import { type ColumnKind, otlpTableNames, otlpTables } from '../../../core/otlp/tables.ts'
import { PipelineError } from '../../runtime/errors.ts'

/**
 * What can be followed, and the Arrow type of each kind of column, chosen so that every stored value stays exact:
 * nanoseconds and counts go up to 2^64-1, so they are uint64 and no timestamp(ns), which ends in the year 2262.
 */
export const arrowTypes = {
  int: 'int64',
  i64: 'int64',
  ns: 'uint64',
  u64: 'uint64',
  real: 'float64',
  bool: 'boolean',
  text: 'utf8',
  id: 'utf8',
  json: 'utf8',
  time: 'timestamp(us, UTC)',
  blob: 'binary',
} as const satisfies Record<ColumnKind | 'time' | 'blob', string>

export interface Column {
  name: string
  kind: keyof typeof arrowTypes
  /** a column of `streams`: the same text for all rows of a stream */
  ofStream: boolean
  nullable: boolean
}

export interface Table {
  /** the column that grows with every row, whose values are never given twice */
  id: string
  columns: readonly Column[]
}

const own = (name: string, kind: Column['kind']): Column => ({ name, kind, ofStream: false, nullable: false })
const ofStream = (name: string): Column => ({ name, kind: 'text', ofStream: true, nullable: false })
const filled = ([name, kind]: readonly [string, ColumnKind]): Column => ({
  name,
  kind,
  ofStream: false,
  nullable: true,
})

const recordHead = [
  own('record_id', 'int'),
  own('stream_id', 'int'),
  ofStream('stream_key'),
  own('stream_index', 'int'),
  own('tenant', 'text'),
  own('received_at', 'time'),
]

const eventTables = {
  events: {
    id: 'event_id',
    columns: [
      own('event_id', 'int'),
      ofStream('stream_key'),
      own('stream_index', 'int'),
      ofStream('tenant'),
      own('received_at', 'time'),
      ofStream('headers'),
      own('payload', 'json'),
    ],
  },
  dead_letters: {
    id: 'dead_letter_id',
    columns: [
      own('dead_letter_id', 'int'),
      ofStream('stream_key'),
      own('stream_index', 'int'),
      ofStream('tenant'),
      own('received_at', 'time'),
      own('code', 'text'),
      own('message', 'text'),
      own('size', 'int'),
      own('raw', 'blob'),
      own('kind', 'text'),
    ],
  },
} satisfies Record<string, Table>

export type TableName = keyof typeof eventTables | (typeof otlpTableNames)[number]

export const tableNames = [...Object.keys(eventTables), ...otlpTableNames] as TableName[]

/** The column of `Table.id`, which all versions of a store have. */
export const idOf = (name: TableName): string =>
  name === 'events' || name === 'dead_letters' ? eventTables[name].id : 'record_id'

/** `stored`: the columns that the store has; promoted attributes of OpenTelemetry tables are known by them alone. */
export function tableOf(name: TableName, stored: readonly string[]): Table {
  if (name === 'events' || name === 'dead_letters') return eventTables[name]
  const known = [...recordHead, ...otlpTables[name].map(filled)]
  const names = new Set(known.map(column => column.name))
  const promoted = stored.filter(column => !names.has(column)).map(column => filled([column, 'text']))
  return { id: idOf(name), columns: [...known, ...promoted] }
}

export const withoutTable = (store: string, name: TableName): PipelineError =>
  new PipelineError(
    'unavailable',
    `the store ${store} is of an older version, without the table ${name}: a gateway of this version makes it when it starts`,
  )
