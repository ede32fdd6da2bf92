/**
 * JSON whose numbers keep their digits. A number that JavaScript holds as it is written is a number; any other is an
 * object of `JSON.rawJSON`, which `JSON.stringify` writes as it was.
 */

/** Of the language, but not yet of its types here. */
const { rawJSON, isRawJSON } = JSON as unknown as {
  rawJSON(text: string): { readonly rawJSON: string }
  isRawJSON(value: unknown): value is { readonly rawJSON: string }
}

/** Text without it has numbers of up to 15 digits only, which a double gives back as they were. */
const longNumber = /[\d.]{16}|\d[eE][+-]?\d{3}/

/** `parseExact`, and as fast as `JSON.parse` where no number is long. `all`: also fractions of few digits. */
export function parseExact(text: string, all = false): unknown {
  if (!all && !longNumber.test(text)) return JSON.parse(text)
  const keep = (_: string, value: unknown, { source }: { source: string }) => {
    if (typeof value !== 'number') return value
    const isShort = !longNumber.test(source)
    const isWhole = Number.isSafeInteger(value) && (isShort || /^-?\d+$/.test(source))
    return isWhole || (isShort && !all) ? value : rawJSON(source)
  }
  return JSON.parse(text, keep as (key: string, value: unknown) => unknown)
}

/** The digits of a number that no double holds. */
export const digitsOf = (value: unknown): string | undefined => (isRawJSON(value) ? value.rawJSON : undefined)
