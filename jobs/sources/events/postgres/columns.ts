import { createAppender } from '../../../drivers/postgres/appenders.ts'
import { type Appender, wideAppender } from '../../../drivers/postgres/fixed-width.ts'
import { quote } from '../../../drivers/postgres/names.ts'
import { typeOf } from '../../../runtime/batch/types.ts'
import { arrowTypes, type Column } from '../tables.ts'
import { restoreNuls } from './texts.ts'
import { unsignedAppender } from './unsigned.ts'

/** How a column is asked for; `row`, `stream`: what the row and its stream are called. */
export const sqlOf = ({ name, kind, ofStream }: Column, row: string, stream: string): string =>
  `${ofStream ? stream : row}.${quote(name)}${kind === 'bool' ? ' = 1' : ''}`

/** Takes what a binary COPY gives for it. */
export function appenderOf(column: Column): Appender {
  const { name, kind } = column
  const type = typeOf(arrowTypes[kind])
  // microseconds since 1970 in a bigint
  if (kind === 'time') return wideAppender(name, type)
  if (kind === 'ns' || kind === 'u64') return unsignedAppender(name)
  const inner = createAppender(name, type)
  return isEscaped(column) ? { append: inner.append, finish: () => restoreNuls(inner.finish()) } : inner
}

/** Stored by the gateway with substitutes for NULs: what an OpenTelemetry decoder filled, and why a letter is dead. */
const isEscaped = ({ name, kind, nullable }: Column) =>
  arrowTypes[kind] === 'utf8' && (nullable || (name === 'message' && kind === 'text'))
