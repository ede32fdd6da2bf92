import { makeData, Uint64 } from 'apache-arrow'
import { type Appender, createNulls, firstRows } from '../../../drivers/postgres/fixed-width.ts'
import { PipelineError } from '../../../runtime/errors.ts'

const BASE = 10_000
const WORD = 0x1_0000_0000

/**
 * NUMERIC(20) from the binary format of COPY as uint64: int16 number of digits to base 10,000, int16 weight of the first,
 * int16 sign, int16 digits shown after the point, then the digits. In two words: a BigInt per value costs more than all
 * the rest.
 */
export function unsignedAppender(name: string): Appender {
  let words = new Uint32Array(2 * firstRows)
  let rows = 0
  const nulls = createNulls()

  function put(view: DataView, at: number): void {
    const count = view.getInt16(at)
    const weight = view.getInt16(at + 2)
    let [low, high] = [0, 0]
    if (view.getUint16(at + 4) !== 0 || weight >= 5 || count > weight + 1) throw bad()
    // zeros at the end are not sent
    for (let digit = 0; count > 0 && digit <= weight; digit++) {
      low = low * BASE + (digit < count ? view.getInt16(at + 8 + 2 * digit) : 0)
      const carry = Math.floor(low / WORD)
      low -= carry * WORD
      high = high * BASE + carry
    }
    if (high >= WORD) throw bad()
    words[2 * rows] = low
    words[2 * rows + 1] = high
  }

  const bad = () =>
    new PipelineError(
      'bad_data',
      `column ${JSON.stringify(name)}: a number is no whole one from 0 to 2^64-1: no gateway wrote it`,
    )

  return {
    append(view, at, length) {
      if (2 * rows === words.length) {
        const larger = new Uint32Array(2 * words.length)
        larger.set(words)
        words = larger
      }
      if (length === -1) nulls.add(rows)
      else put(view, at)
      rows++
    },
    finish() {
      const data = new BigUint64Array(words.buffer, 0, rows)
      const column = makeData({ type: new Uint64(), length: rows, ...nulls.finish(rows), data } as never)
      words = new Uint32Array(Math.max(2 * firstRows, 2 * rows))
      rows = 0
      return column
    },
  }
}
