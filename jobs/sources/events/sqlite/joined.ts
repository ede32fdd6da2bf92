import { type Data, makeData } from 'apache-arrow'
import { typeOf } from '../../../runtime/batch/types.ts'
import type { Selection } from '../stores.ts'
import { arrowTypes, type Column } from '../tables.ts'
import { type Bounds, fromOf, mostBytes, quoted, type ReadPart } from './selection.ts'
import type { Session } from './store.ts'

/**
 * Whole columns: SQLite joins the texts of a page into one and the numbers into a list, so that no call is made per
 * cell: about 1.4 times as many rows/s of `events` with payloads of 150 bytes as row by row.
 * For columns without nulls; undefined where one may have some.
 */
export function createJoinedReader(selection: Selection): ReadPart | undefined {
  const { table, columns } = selection
  const ofRow = columns.filter(column => !column.ofStream)
  if (!ofRow.every(isPlain)) return undefined
  const texts = ofRow.filter(isText).map(column => column.name)
  const numbers = [
    ...new Set([table.id, 'stream_id', 'received_at', ...ofRow.filter(column => !isText(column)).map(c => c.name)]),
  ]
  const select = `select count(*) as count, ${[
    ...numbers.map((name, k) => `${listOf(quoted(name))} as n${k}`),
    ...texts.flatMap((name, k) => [
      `${listOf(`octet_length(${quoted(name)})`)} as l${k}`,
      `cast(group_concat(${quoted(name)}, '') as blob) as t${k}`,
    ]),
  ].join(', ')} from (select ${[...numbers, ...texts].map(quoted).join(', ')} ${fromOf(selection)})`

  /** Undefined where the lists are not what they should be. */
  function load(session: Session, bounds: Bounds) {
    const row = session.prepare(select).get(...bounds) as { count: number } & Record<string, Buffer | null>
    const count = row.count
    const lists = numbers.map((_, k) => numbersOf(row[`n${k}`]!, count))
    const joined = texts.map((_, k) => textOf(row[`l${k}`]!, row[`t${k}`]!, count))
    // the order in which rows are joined is SQLite's habit, and no promise
    if (!isRising(lists[0])) return undefined
    return {
      count,
      lists: lists as BigInt64Array[],
      joined: joined as Joined[],
      ok: [...lists, ...joined].every(Boolean),
    }
  }

  return (session, bounds, streamOf) => {
    const loaded = load(session, bounds)
    if (loaded === undefined || !loaded.ok) return undefined
    const { count, lists, joined } = loaded
    if (count === 0) return { columns: [], kept: 0, seen: 0, last: undefined, full: false }
    const runs = runsOf(lists[1]!, streamOf)
    if (runs === undefined) return undefined
    const kept = cut(count, joined, runs)
    let stream = 0
    const data = columns.map(column => {
      if (column.ofStream) return repeated(column, runs, stream++, kept)
      const type = typeOf(arrowTypes[column.kind])
      if (isText(column)) {
        const { offsets, bytes } = joined[texts.indexOf(column.name)]!
        const own = { valueOffsets: offsets.subarray(0, kept + 1), data: bytes.subarray(0, offsets[kept]) }
        return makeData({ type, length: kept, nullCount: 0, ...own } as never)
      }
      const values = lists[numbers.indexOf(column.name)]!.subarray(0, kept)
      return makeData({ type, length: kept, nullCount: 0, data: values } as never)
    })
    const last = { id: Number(lists[0]![kept - 1]), receivedAt: Number(lists[2]![kept - 1]) }
    return { columns: data, kept, seen: kept, last, full: kept < count }
  }
}

interface Joined {
  offsets: Int32Array
  bytes: Uint8Array
}

/** Rows up to `end` that follow each other in one stream, and its texts as bytes. */
interface Run {
  end: number
  texts: readonly Buffer[]
}

const isText = (column: Column) => arrowTypes[column.kind] === 'utf8'
const isPlain = ({ kind, nullable }: Column) => !nullable && ['int', 'time', 'text', 'json'].includes(kind)
const listOf = (sql: string) => `cast(group_concat(${sql}) as blob)`

/** `12,345,6` as 64-bit integers; undefined where they are not `count` natural numbers that a double holds. */
function numbersOf(list: Buffer | null, count: number): BigInt64Array | undefined {
  const values = new BigInt64Array(count)
  if (count === 0) return values
  if (list === null) return undefined
  // two halves: a BigInt per number would cost more than all the rest
  const halves = new Uint32Array(values.buffer)
  let at = 0
  let value = 0
  for (let k = 0; k <= list.length; k++) {
    const byte = k === list.length ? 0x2c : list[k]!
    if (byte !== 0x2c) {
      if (byte < 0x30) return undefined
      value = value * 10 + byte - 0x30
      continue
    }
    if (value > Number.MAX_SAFE_INTEGER) return undefined
    halves[at++] = value >>> 0
    halves[at++] = value / 2 ** 32
    value = 0
  }
  return at === halves.length ? values : undefined
}

function textOf(lengths: Buffer | null, bytes: Buffer | null, count: number): Joined | undefined {
  const values = numbersOf(lengths, count)
  if (values === undefined) return undefined
  const halves = new Uint32Array(values.buffer)
  const offsets = new Int32Array(count + 1)
  for (let row = 0, end = 0; row < count; row++) {
    end += halves[2 * row]!
    offsets[row + 1] = end
  }
  const found = bytes ?? new Uint8Array(0)
  return offsets[count] === found.length ? { offsets, bytes: found } : undefined
}

function isRising(ids: BigInt64Array | undefined): boolean {
  if (ids === undefined) return false
  const halves = new Uint32Array(ids.buffer)
  let before = -1
  for (let at = 0; at < halves.length; at += 2) {
    const id = halves[at + 1]! * 2 ** 32 + halves[at]!
    if (id <= before) return false
    before = id
  }
  return true
}

/** Undefined where a stream is out of sight: its rows must be left out. */
function runsOf(streamIds: BigInt64Array, streamOf: (id: number) => readonly string[] | undefined): Run[] | undefined {
  const halves = new Uint32Array(streamIds.buffer)
  const known = new Map<number, readonly Buffer[]>()
  const runs: Run[] = []
  for (let row = 0; row < streamIds.length; ) {
    const [low, high] = [halves[2 * row]!, halves[2 * row + 1]!]
    const id = high * 2 ** 32 + low
    const texts = known.get(id) ?? streamOf(id)?.map(text => Buffer.from(text))
    if (texts === undefined) return undefined
    known.set(id, texts)
    while (++row < streamIds.length && halves[2 * row] === low && halves[2 * row + 1] === high);
    runs.push({ end: row, texts })
  }
  return runs
}

/** How many rows the page takes: headers that repeat may be larger than all payloads. */
function cut(count: number, joined: readonly Joined[], runs: readonly Run[]): number {
  let bytes = 0
  let row = 0
  for (const { end, texts } of runs) {
    const perRow = texts.reduce((sum, text) => sum + text.length, 0)
    for (; row < end; row++) {
      if (bytes >= mostBytes) return row
      bytes += perRow
      for (const { offsets } of joined) bytes += offsets[row + 1]! - offsets[row]!
    }
  }
  return count
}

function repeated(column: Column, runs: readonly Run[], stream: number, rows: number): Data {
  const offsets = new Int32Array(rows + 1)
  let row = 0
  for (const { end, texts } of runs)
    for (const { length } = texts[stream]!; row < end && row < rows; row++) offsets[row + 1] = offsets[row]! + length
  const bytes = new Uint8Array(offsets[rows]!)
  row = 0
  for (const { end, texts } of runs) {
    const text = texts[stream]!
    if (text.length > 0) for (; row < end && row < rows; row++) bytes.set(text, offsets[row]!)
    row = Math.min(end, rows)
  }
  const type = typeOf(arrowTypes[column.kind])
  return makeData({ type, length: rows, nullCount: 0, valueOffsets: offsets, data: bytes } as never)
}
