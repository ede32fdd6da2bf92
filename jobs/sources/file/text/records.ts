import { ESCAPED, type Kind, TEXT } from './values.ts'

export interface CsvDialect {
  /** one ASCII character each; no quote: none is special */
  delimiter: string
  quote: string
  /** text, without quotes around it, that stands for no value */
  nullText: string
}

/**
 * Finds the fields of a record (RFC 4180): quotes around a field may hold delimiters and newlines, and a quote as two.
 */
export interface RecordScanner {
  /** fields of the last record; of each the kind and place, without quotes */
  readonly count: number
  readonly kinds: readonly Kind[]
  readonly starts: readonly number[]
  readonly ends: readonly number[]
  /** it has no quotes around it */
  readonly bare: readonly boolean[]
  /** newlines inside the fields of the last record */
  readonly newlines: number
  /**
   * The record that begins at `from`, of bytes that end with a newline at `to - 1`: gives the place of its own newline.
   * open: a quote is not closed before `to`; broken: text stands after a closing quote.
   */
  scan(bytes: Buffer, from: number, to: number): number | 'open' | 'broken'
}

const LF = 0x0a
const CR = 0x0d

export function createRecordScanner({ delimiter, quote }: Pick<CsvDialect, 'delimiter' | 'quote'>): RecordScanner {
  const DELIMITER = delimiter.charCodeAt(0)
  const QUOTE = quote === '' ? -1 : quote.charCodeAt(0)
  const stops = Uint8Array.from({ length: 256 }, (_, byte) => (byte === DELIMITER || byte === LF ? 1 : 0))
  const kinds: Kind[] = []
  const starts: number[] = []
  const ends: number[] = []
  const bare: boolean[] = []

  /** After the field that has quotes: the place of its delimiter or newline. */
  function quoted(bytes: Buffer, from: number, to: number, field: number): number | 'open' | 'broken' {
    kinds[field] = TEXT
    bare[field] = false
    let at = from + 1
    for (;;) {
      at = bytes.indexOf(QUOTE, at)
      if (at < 0 || at >= to) return 'open'
      if (bytes[at + 1] !== QUOTE) break
      kinds[field] = ESCAPED
      at += 2
    }
    starts[field] = from + 1
    ends[field] = at
    for (let line = bytes.indexOf(LF, from); line < at; line = bytes.indexOf(LF, line + 1)) scanner.newlines++
    at++
    if (bytes[at] === CR && bytes[at + 1] === LF) at++
    return bytes[at] === DELIMITER || bytes[at] === LF ? at : 'broken'
  }

  function plain(bytes: Buffer, from: number, field: number): number {
    let at = from
    while (stops[bytes[at]!] === 0) at++
    kinds[field] = TEXT
    bare[field] = true
    starts[field] = from
    ends[field] = bytes[at] === LF && at > from && bytes[at - 1] === CR ? at - 1 : at
    return at
  }

  const scanner = {
    count: 0,
    newlines: 0,
    kinds,
    starts,
    ends,
    bare,
    scan(bytes: Buffer, from: number, to: number): number | 'open' | 'broken' {
      scanner.count = 0
      scanner.newlines = 0
      for (let at = from; ; at++) {
        const field = scanner.count++
        const end = bytes[at] === QUOTE ? quoted(bytes, at, to, field) : plain(bytes, at, field)
        if (typeof end !== 'number' || bytes[end] === LF) return end
        at = end
      }
    },
  }
  return scanner
}
