import { isUtf8 } from 'node:buffer'
import { parseExact } from '../../runtime/batch/exact.ts'

/**
 * Headers of a message as JSON text, and back exactly. Usually it is an object, of texts, nulls and
 * `{"base64": "…"}` for bytes that are no UTF-8. A name that comes twice, or is no UTF-8, or one like `7`, which an
 * object would put before others, makes it a list of pairs: `[["a", "1"], ["a", "2"]]`.
 */

export type Header = readonly [name: Buffer, value: Buffer | null]

/** What became of the row: `c`, `r`, `u` or `d`. */
export const opHeader = 'dbz.op'

/**
 * Of tombstones: `text` where the key is the values of the primary key as text, although it begins as a JSON object
 * does.
 */
export const keyHeader = 'millrace.key'

export function headersText(headers: readonly Header[]): string {
  const pairs = headers.map(([name, value]) => [formOf(name), value && formOf(value)] as const)
  const object = Object.fromEntries(pairs)
  const names = Object.keys(object)
  const isSame = names.length === pairs.length && pairs.every(([name], at) => name === names[at])
  return JSON.stringify(isSame ? object : pairs)
}

/** Throws an error with the reason. */
export function parseHeaders(text: Uint8Array): Header[] {
  if (!isUtf8(text)) throw new Error('its bytes are no UTF-8')
  const parsed = parseExact(Buffer.from(text).toString(), true)
  if (!Array.isArray(parsed)) {
    if (parsed === null || typeof parsed !== 'object') throw new Error('it is no object, and no list of pairs')
    return Object.entries(parsed).map(([name, value]) => [bytesOf(name), jsonValue(value)])
  }
  return parsed.map(pair => {
    if (!Array.isArray(pair) || pair.length !== 2) throw new Error(`${JSON.stringify(pair)} is no [name, value]`)
    const name = typeof pair[0] === 'string' ? bytesOf(pair[0]) : base64Of(pair[0])
    if (name === undefined) throw new Error(`${JSON.stringify(pair[0])} is no name`)
    return [name, jsonValue(pair[1])]
  })
}

const formOf = (bytes: Buffer) => (isUtf8(bytes) ? bytes.toString() : { base64: bytes.toString('base64') })

/** What is no text, null or bytes is JSON text. */
function jsonValue(value: unknown): Buffer | null {
  if (value === null) return null
  return base64Of(value) ?? bytesOf(typeof value === 'string' ? value : JSON.stringify(value))
}

function bytesOf(text: string): Buffer {
  if (!text.isWellFormed()) throw new Error(`${JSON.stringify(text)} is no text: half of a character is missing`)
  return Buffer.from(text)
}

function base64Of(value: unknown): Buffer | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const { base64, ...others } = value as { base64?: unknown }
  if (typeof base64 !== 'string' || Object.keys(others).length > 0) return undefined
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.toString('base64') !== base64) throw new Error(`${JSON.stringify(base64)} is no base64`)
  return bytes
}
