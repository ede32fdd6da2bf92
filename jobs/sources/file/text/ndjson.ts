import { isUtf8 } from 'node:buffer'
import { Misfit } from '../../../runtime/batch/coerce.ts'
import { createObjectScanner } from './json.ts'
import { type Parser, type ParserOptions, rowTooLong } from './parser.ts'

const LF = 0x0a

/** One JSON object per line. */
export function createNdjsonParser({ names, rows, dead, ignored, maxRow }: ParserOptions): Parser {
  const scanner = createObjectScanner(names, ignored)
  const { kinds, starts, ends } = scanner

  /** why the last line is no row; undefined: it went in */
  let why: string | undefined

  /** Gives the place of the newline that ends the line. */
  function read(bytes: Buffer, from: number, valid: boolean): number {
    let end = scanner.scan(bytes, from)
    const isObject = end >= 0
    if (isObject) while (bytes[end] === 0x20 || bytes[end] === 0x09 || bytes[end] === 0x0d) end++
    const after = end
    if (bytes[end] !== LF) end = bytes.indexOf(LF, Math.max(from, end))
    if (end - from > maxRow) why = rowTooLong(maxRow)
    else if (!valid && !isUtf8(bytes.subarray(from, end))) why = 'not UTF-8'
    else if (!isObject) why = place(scanner.failure().at, from, scanner.failure().what)
    else if (after !== end) why = place(after, from, 'text after the object')
    else add(bytes)
    return end
  }

  function add(bytes: Buffer): void {
    why = undefined
    try {
      rows.add(bytes, kinds, starts, ends)
    } catch (error) {
      if (!(error instanceof Misfit)) throw error
      why = error.message
    }
  }

  return {
    line: 0,
    parse(bytes, from, to) {
      const valid = isUtf8(bytes.subarray(from, to))
      let at = from
      while (at < to && !rows.full) {
        this.line++
        let begin = at
        while (bytes[begin] === 0x20 || bytes[begin] === 0x09 || bytes[begin] === 0x0d) begin++
        if (bytes[begin] === LF) {
          at = begin + 1
          continue
        }
        const end = read(bytes, begin, valid)
        if (why !== undefined) dead(this.line, why, bytes.subarray(begin, end))
        at = end + 1
      }
      return at
    },
  }
}

const place = (at: number, from: number, what: string): string => `no JSON object: ${what} (byte ${at - from + 1})`

/** The text of a JSON string, with its quotes. */
export function unquoteJson(bytes: Buffer, from: number, to: number): string {
  return JSON.parse(bytes.toString('utf8', from, to)) as string
}
