import { AppError } from '../core/errors.ts'

const fatal = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Runtimes hand out header bytes as Latin-1: the text where those bytes are UTF-8, else undefined. */
export function utf8OfLatin1(text: string): string | undefined {
  if (/^[\u0000-\u007f]*$/.test(text)) return text
  try {
    return fatal.decode(Uint8Array.from(text, char => char.charCodeAt(0)))
  } catch {
    return undefined
  }
}

/**
 * The first value of `name` in a query as it came over the wire (without its `?`). Not URLSearchParams, which makes text
 * of broken encoding too, so that two keys could become one. Throws `bad_request` that names the parameter.
 */
export function queryParam(search: string, name: string): string | undefined {
  for (let at = 0; at < search.length; ) {
    const stop = search.indexOf('&', at)
    const end = stop < 0 ? search.length : stop
    const mark = search.indexOf('=', at)
    const equals = mark < 0 || mark > end ? end : mark
    if (isNamed(search.slice(at, equals), name)) {
      const value = percentDecode(search.slice(equals + 1, end).replaceAll('+', ' '))
      if (value !== undefined) return value
      throw new AppError(
        'bad_request',
        `the query parameter ${name} is not percent-encoded UTF-8: encode it as encodeURIComponent does`,
      )
    }
    at = end + 1
  }
  return undefined
}

const isNamed = (given: string, name: string) =>
  given === name || (given.includes('%') && percentDecode(given) === name)

/** undefined where a `%` begins no two hexadecimal digits, or the bytes are not UTF-8. */
function percentDecode(text: string): string | undefined {
  if (/%(?![\da-f]{2})/i.test(text)) return undefined
  const bytes = text.includes('%')
    ? text.replace(/%(..)/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
    : text
  return utf8OfLatin1(bytes)
}
