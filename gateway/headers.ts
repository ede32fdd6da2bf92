import { utf8OfLatin1 } from './decode.ts'

const secretName = /auth|token|secret|key|cookie|session/i
/** says nothing about a secret, and the model of the data shows it */
const harmless = 'sec-websocket-key'
const tokenInUrl = /([?&]token=)[^&\s"]*/gi

/**
 * Headers as JSON text for `streams.headers`: lower-case names, repeated ones as arrays, secrets redacted. Values are text
 * where their bytes are UTF-8, else Latin-1, which is what their type of old is (RFC 9110 5.5).
 */
export function headersToJson(pairs: Iterable<readonly [string, string]>): string {
  const headers: Record<string, string | string[]> = Object.create(null)
  for (const [given, latin1] of pairs) {
    const name = given.toLowerCase()
    const secret = secretName.test(name) && name !== harmless
    const text = utf8OfLatin1(latin1) ?? latin1
    const value = secret ? '[redacted]' : text.includes('token=') ? text.replace(tokenInUrl, '$1[redacted]') : text
    const before = headers[name]
    if (before === undefined) headers[name] = value
    else if (typeof before === 'string') headers[name] = [before, value]
    else before.push(value)
  }
  return JSON.stringify(headers)
}

/** Node's flat list of names and values as pairs. */
export function* pairsOf(raw: readonly string[]): Iterable<readonly [string, string]> {
  for (let i = 0; i + 1 < raw.length; i += 2) yield [raw[i]!, raw[i + 1]!]
}
