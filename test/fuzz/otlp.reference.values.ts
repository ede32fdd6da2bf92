import type { AnyValue, KeyValue } from './otlp.messages.ts'

/** Attribute values and ids as JSON and text, written for reading. */

/** Text that is JSON. */
export type Json = string

/** A record breaks a rule. */
export class Refused extends Error {}

export function double(value: number): Json {
  if (!Number.isFinite(value)) return `"${value}"`
  if (Object.is(value, -0)) return '-0.0'
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : String(value)
}

export function jsonOf(value: AnyValue): Json {
  switch (value.value) {
    case 'stringValue':
      return JSON.stringify(value.stringValue)
    case 'boolValue':
    case 'intValue':
      return String(value[value.value])
    case 'doubleValue':
      return double(value.doubleValue)
    case 'bytesValue':
      return `"${Buffer.from(value.bytesValue).toString('base64')}"`
    case 'arrayValue':
      return `[${(value.arrayValue.values ?? []).map(jsonOf).join()}]`
    case 'kvlistValue':
      return attributesOf(value.kvlistValue.values) ?? '{}'
    default:
      return 'null'
  }
}

/** Sorted by the bytes of the keys, the last of equal ones; null where there are none. */
export function attributesOf(pairs: readonly KeyValue[] = []): Json | null {
  const last = new Map(pairs.flatMap(({ key, value }) => (value ? [[key, value] as const] : [])))
  if (last.size === 0) return null
  const sorted = [...last].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return `{${sorted.map(([key, value]) => `${JSON.stringify(key)}:${jsonOf(value)}`).join()}}`
}

/** A value as the text of a column. */
export function textOf(value: AnyValue | undefined): string | null {
  if (!value?.value) return null
  if (value.value === 'stringValue') return value.stringValue || null
  const json = jsonOf(value)
  const bare = value.value === 'bytesValue' || value.value === 'doubleValue'
  return (bare ? json.replaceAll('"', '') : json) || null
}

export function idOf(id: Uint8Array, width: number): string | null {
  if (id.length === 0) return null
  if (id.length !== width) throw new Refused()
  return id.every(byte => byte === 0) ? null : Buffer.from(id).toString('hex')
}
