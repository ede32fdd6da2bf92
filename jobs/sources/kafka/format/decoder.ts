import type { Field } from 'apache-arrow'
import { type ColumnBuilder, columnBuilder } from '../../../drivers/avro/column.ts'

/** How the values of messages become columns. */
export interface Format {
  fields: readonly Field[]
  primaryKey?: readonly string[]
  /** a message without a value is a row of its own, and no delete by key */
  takesNull: boolean
  /** One for each reader: it owns the columns that it builds. */
  decoder(): Decoder
}

export interface Decoder {
  columns: ReadonlyMap<string, ColumnBuilder>
  /**
   * Writes a value into the row of all columns. Gives the id of a schema that must be learned first, and else -1.
   * Throws an error with the reason where the value cannot be read; the row may then be written again.
   */
  decode(bytes: Buffer, start: number, end: number, row: number): number
  learn(schemaId: number): Promise<void>
}

export const buildersOf = (fields: readonly Field[]): ReadonlyMap<string, ColumnBuilder> =>
  new Map(fields.map(({ name, type }) => [name, columnBuilder(type)]))
