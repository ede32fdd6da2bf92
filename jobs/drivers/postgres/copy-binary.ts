import { PipelineError } from '../../runtime/errors.ts'
import type { Appender } from './fixed-width.ts'

/** `PGCOPY\n\377\r\n\0`, int32 flags, int32 length of what follows in the header */
const signature = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
const headerSize = signature.length + 8

/**
 * Rows in the binary format of COPY, each of whose columns goes to its appender. Tuples are int16 number of fields, then
 * per field int32 length (-1: null) and the bytes; int16 -1 ends them.
 */
export function createBinaryReader(columns: readonly Appender[]) {
  let rest: Buffer = Buffer.alloc(0)
  let hasHeader = false
  let isAtEnd = false
  let rows = 0
  const width = columns.length
  const starts = new Int32Array(width)
  const lengths = new Int32Array(width)

  /** The end of the tuple at `at`, whose fields are then in `starts` and `lengths`; -1: not all of it is there. */
  function measure(view: DataView, at: number, size: number): number {
    let next = at + 2
    for (let field = 0; field < width; field++) {
      if (next + 4 > size) return -1
      const length = view.getInt32(next)
      starts[field] = next + 4
      lengths[field] = length
      next += 4 + (length > 0 ? length : 0)
    }
    return next > size ? -1 : next
  }

  return {
    /** rows since the last `take` */
    get rows() {
      return rows
    },
    push(chunk: Buffer): void {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      const size = bytes.length
      let at = 0
      if (!hasHeader) {
        if (size < headerSize) {
          rest = bytes
          return
        }
        if (!bytes.subarray(0, signature.length).equals(signature))
          throw new PipelineError('internal', 'postgres: a binary COPY does not begin as one')
        at = headerSize + view.getInt32(headerSize - 4)
        hasHeader = true
      }
      while (at + 2 <= size && !isAtEnd) {
        const fields = view.getInt16(at)
        if (fields === -1) {
          isAtEnd = true
          at += 2
          break
        }
        if (fields !== width)
          throw new PipelineError('internal', `postgres: a row of a COPY has ${fields} fields instead of ${width}`)
        const end = measure(view, at, size)
        if (end === -1) break
        for (let field = 0; field < width; field++) columns[field]!.append(view, starts[field]!, lengths[field]!)
        rows++
        at = end
      }
      // a copy: the rest of a chunk would keep all of it
      rest = at === size ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at))
    },
    /** The end was seen, and nothing is left. */
    finish(): number {
      if (!isAtEnd || rest.length > 0)
        throw new PipelineError('unavailable', 'postgres: the rows of a COPY end in the middle')
      return rows
    },
  }
}
