import type { Json } from '../../runtime/contract.ts'

/** Without such a run every number is exact as a double. */
const manyDigits = /\d[\d.]{15}/

/**
 * JSON text as values, but that a number which a double would change (an identifier of 64 bits, an amount of money) is
 * its own text: what reads it into a column decides. Throws a SyntaxError.
 */
export function parseExact(text: string): Json {
  if (!manyDigits.test(text)) return JSON.parse(text) as Json
  return JSON.parse(text, keepDigits) as Json
}

function keepDigits(_: string, value: Json, context?: { source?: string }): Json {
  const source = context?.source
  return typeof value === 'number' && source !== undefined && !isExact(value, source) ? source : value
}

function isExact(value: number, source: string): boolean {
  if (/^-?\d+$/.test(source)) return Number.isSafeInteger(value)
  return digitsOf(String(value)) === digitsOf(source)
}

/** Those between the first and the last that is not a zero. */
function digitsOf(number: string): string {
  return number
    .replace(/e.*$/i, '')
    .replace(/[-.]/g, '')
    .replace(/^0+|0+$/g, '')
}
