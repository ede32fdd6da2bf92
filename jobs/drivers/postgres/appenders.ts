import { DataType, type List, makeData } from 'apache-arrow'
import { PipelineError } from '../../runtime/errors.ts'
import {
  type Appender,
  boolAppender,
  createNulls,
  decimalAppender,
  firstRows,
  fixedAppender,
  wideAppender,
} from './fixed-width.ts'

/** Microseconds, and days, from 1970 to 2000, where Postgres begins to count. */
const microsTo2000 = 946_684_800_000_000
const daysTo2000 = 10_957
/** The last timestamp since 2000 that is one since 1970, too: 2^63 - 1 less `microsTo2000`, as two words. */
const lastMicros = 2n ** 63n - 1n - BigInt(microsTo2000)
const [lastHigh, lastLow] = [Number(lastMicros >> 32n), Number(lastMicros & 0xffffffffn)]
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Collects the values of one column from the binary format of COPY. `name` is of the column, for messages. */
export function createAppender(name: string, type: DataType): Appender {
  const bad = (what: string) =>
    new PipelineError('bad_data', `column ${JSON.stringify(name)}: ${what}: leave such rows out with \`filter\``)
  if (DataType.isBool(type)) return boolAppender(name, type)
  if (DataType.isInt(type)) {
    if (type.bitWidth === 64) return wideAppender(name, type)
    if (type.bitWidth === 32)
      return fixedAppender(
        name,
        type,
        rows => new Int32Array(rows),
        4,
        (view, at) => view.getInt32(at),
      )
    return fixedAppender(
      name,
      type,
      rows => new Int16Array(rows),
      2,
      (view, at) => view.getInt16(at),
    )
  }
  if (DataType.isFloat(type)) {
    if (type.precision === 2)
      return fixedAppender(
        name,
        type,
        rows => new Float64Array(rows),
        8,
        (view, at) => view.getFloat64(at),
      )
    return fixedAppender(
      name,
      type,
      rows => new Float32Array(rows),
      4,
      (view, at) => view.getFloat32(at),
    )
  }
  if (DataType.isDate(type))
    return fixedAppender(
      name,
      type,
      rows => new Int32Array(rows),
      4,
      (view, at) => {
        const days = view.getInt32(at)
        if (days === 0x7fffffff || days === -0x80000000) throw bad('a date is infinite')
        return days + daysTo2000
      },
    )
  if (DataType.isTime(type)) return wideAppender(name, type)
  if (DataType.isTimestamp(type))
    return wideAppender(name, type, microsTo2000, (low, high) => {
      const isInfinite = (high === 0x7fffffff && low === 0xffffffff) || (high === -0x80000000 && low === 0)
      if (isInfinite) throw bad('a timestamp is infinite')
      if (high > lastHigh || (high === lastHigh && low > lastLow))
        throw bad('a timestamp is after 294247-01-10 04:00:54.775807, the last that 64 bits of microseconds hold')
    })
  if (DataType.isDecimal(type)) return decimalAppender(type, bad)
  if (DataType.isList(type)) return listAppender(name, type, bad)
  return bytesAppender(type)
}

function bytesAppender(type: DataType): Appender {
  let bytes = new Uint8Array(32 * firstRows)
  let size = 0
  let ends = new Int32Array(firstRows + 1)
  let rows = 0
  const nulls = createNulls()
  function reserve(more: number): void {
    if (rows + 1 === ends.length) {
      const larger = new Int32Array(2 * ends.length)
      larger.set(ends)
      ends = larger
    }
    if (size + more <= bytes.length) return
    const larger = new Uint8Array(Math.max(size + more, 2 * bytes.length))
    larger.set(bytes.subarray(0, size))
    bytes = larger
  }
  return {
    append(view, at, length) {
      reserve(length)
      if (length === -1) nulls.add(rows)
      else if (length > 32) {
        bytes.set(new Uint8Array(view.buffer, view.byteOffset + at, length), size)
        size += length
      } else for (let i = 0; i < length; i++) bytes[size++] = view.getUint8(at + i)
      ends[++rows] = size
    },
    finish() {
      const data = { data: bytes.subarray(0, size), valueOffsets: ends.subarray(0, rows + 1) }
      const column = makeData({ type, length: rows, ...nulls.finish(rows), ...data } as Parameters<typeof makeData>[0])
      bytes = new Uint8Array(Math.max(1024, size + (size >> 3)))
      ends = new Int32Array(Math.max(firstRows, rows) + 1)
      size = 0
      rows = 0
      return column
    },
  }
}

/** Dimensions, whether there are nulls, type of the elements; per dimension size and lower bound; then the elements. */
function listAppender(name: string, type: List, bad: (what: string) => Error): Appender {
  const items = createAppender(name, type.valueType)
  let ends = [0]
  const nulls = createNulls()
  return {
    append(view, at, length) {
      const rows = ends.length - 1
      let count = 0
      if (length === -1) nulls.add(rows)
      else {
        const dimensions = view.getInt32(at)
        if (dimensions > 1) throw bad(`an array has ${dimensions} dimensions`)
        count = dimensions === 0 ? 0 : view.getInt32(at + 12)
        for (let item = 0, next = at + 20; item < count; item++) {
          const size = view.getInt32(next)
          items.append(view, next + 4, size)
          next += 4 + Math.max(0, size)
        }
      }
      ends.push(ends[rows]! + count)
    },
    finish() {
      const rows = ends.length - 1
      const valueOffsets = Int32Array.from(ends)
      ends = [0]
      return makeData({ type, length: rows, ...nulls.finish(rows), valueOffsets, child: items.finish() } as Parameters<
        typeof makeData
      >[0])
    },
  }
}

/** Keeps nothing but the last value, as text. */
export function createLast(): Appender & { readonly text: string | null } {
  let last = new Uint8Array(64)
  let size = -1
  return {
    get text() {
      return size === -1 ? null : decoder.decode(last.subarray(0, size))
    },
    append(view, at, length) {
      if (length > last.length) last = new Uint8Array(2 * length)
      for (let i = 0; i < length; i++) last[i] = view.getUint8(at + i)
      size = length
    },
    finish: () => {
      throw new Error('this is no column')
    },
  }
}
