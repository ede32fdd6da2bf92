import { formatSize } from '../../../../core/units.ts'
import type { Rows } from './rows.ts'

export interface ParserOptions {
  /** columns, in the order of the rows */
  names: readonly string[]
  rows: Rows
  /** a line that is no row */
  dead(line: number, why: string, bytes: Buffer): void
  /** a name that has no column, once per name */
  ignored(name: string): void
  /** longer rows are dead */
  maxRow: number
}

/** Turns the bytes of a text file into rows. */
export interface Parser {
  /** lines that were read so far */
  line: number
  /**
   * Reads rows from bytes[from, to), whose last byte is a newline, until the rows are full. Gives the place after the
   * last row: what is left begins with a row that is not complete, unless `final`: then nothing more comes, and all
   * of it is read.
   */
  parse(bytes: Buffer, from: number, to: number, final: boolean): number
}

export const rowTooLong = (maxRow: number): string => `the row is longer than ${formatSize(maxRow)}`
