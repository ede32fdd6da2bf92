import { isUtf8 } from 'node:buffer'
import { Misfit } from '../../../runtime/batch/coerce.ts'
import { type Parser, type ParserOptions, rowTooLong } from './parser.ts'
import { type CsvDialect, createRecordScanner } from './records.ts'
import { NULL, type Unquote } from './values.ts'

const LF = 0x0a
const CR = 0x0d

/** Records of fields; `header` names those of this file. A record that is broken ends with its first line. */
export function createCsvParser(
  { names, rows, dead, maxRow }: ParserOptions,
  { dialect, header }: { dialect: CsvDialect; header: readonly string[] },
): Parser {
  const record = createRecordScanner(dialect)
  const nullText = Buffer.from(dialect.nullText)
  const fieldOf = names.map(name => header.indexOf(name))
  const kinds = new Uint8Array(names.length)
  const starts = new Int32Array(names.length)
  const ends = new Int32Array(names.length)

  function isNull(bytes: Buffer, field: number): boolean {
    const from = record.starts[field]!
    const to = record.ends[field]!
    return (
      record.bare[field]! &&
      to - from === nullText.length &&
      (from === to || bytes.compare(nullText, 0, nullText.length, from, to) === 0)
    )
  }

  /** Why the record is no row; undefined: it went in. */
  function add(bytes: Buffer, from: number, end: number, valid: boolean): string | undefined {
    if (end - from > maxRow) return rowTooLong(maxRow)
    if (!valid && !isUtf8(bytes.subarray(from, end))) return 'not UTF-8'
    if (record.count !== header.length)
      return `${record.count} field${record.count === 1 ? '' : 's'}, where the header names ${header.length}`
    for (let column = 0; column < names.length; column++) {
      const field = fieldOf[column]!
      kinds[column] = field < 0 || isNull(bytes, field) ? NULL : record.kinds[field]!
      starts[column] = field < 0 ? 0 : record.starts[field]!
      ends[column] = field < 0 ? 0 : record.ends[field]!
    }
    try {
      rows.add(bytes, kinds, starts, ends)
      return undefined
    } catch (error) {
      if (!(error instanceof Misfit)) throw error
      return error.message
    }
  }

  return {
    line: 0,
    parse(bytes, from, to, final) {
      const valid = isUtf8(bytes.subarray(from, to))
      let at = from
      while (at < to && !rows.full) {
        const blank = bytes[at] === CR ? at + 1 : at
        if (bytes[blank] === LF) {
          this.line++
          at = blank + 1
          continue
        }
        const found = record.scan(bytes, at, to)
        if (found === 'open' && !final) return at
        const isWhole = typeof found === 'number'
        const end = isWhole ? found : bytes.indexOf(LF, at)
        const why = isWhole
          ? add(bytes, at, end, valid)
          : found === 'open'
            ? 'a quote that is not closed'
            : 'text after a closing quote'
        if (why !== undefined) dead(this.line + 1, why, bytes.subarray(at, end))
        this.line += 1 + (isWhole ? record.newlines : 0)
        at = end + 1
      }
      return at
    },
  }
}

/** The text between the quotes, where two quotes are one. */
export function unquoteCsv(quote: string): Unquote {
  return (bytes, from, to) => bytes.toString('utf8', from, to).replaceAll(quote + quote, quote)
}
