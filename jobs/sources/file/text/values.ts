/**
 * What a parser says of a value: which bytes of the buffer it takes, and what they are. The parsers have checked
 * the grammar, so that columns read the bytes without looking twice.
 */
export const NULL = 0
/** as JSON writes it */
export const NUMBER = 1
/** the bytes themselves, between the quotes if there are any */
export const TEXT = 2
/** quotes included: its bytes are not yet the text */
export const ESCAPED = 3
export const TRUE = 4
export const FALSE = 5
/** an object or array of JSON */
export const NESTED = 6

export type Kind = 0 | 1 | 2 | 3 | 4 | 5 | 6

/** Turns the bytes of an ESCAPED value into its text. */
export type Unquote = (bytes: Buffer, from: number, to: number) => string

/** A number of JSON as text, without losing digits: a whole one that a double cannot hold becomes a bigint. */
export function exactNumber(text: string): number | bigint {
  const number = Number(text)
  return !Number.isSafeInteger(number) && /^-?\d+$/.test(text) ? BigInt(text) : number
}

/** JSON with its whole numbers exact. */
export function parseExact(text: string): unknown {
  return JSON.parse(text, (_, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && context?.source !== undefined ? exactNumber(context.source) : value,
  )
}
