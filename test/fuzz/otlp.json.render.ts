import fc from 'fast-check'
import protobuf from 'protobufjs'

/**
 * Writes messages of protobufjs as JSON text, by the schema alone and in all the ways that the mapping allows: names in
 * two styles, numbers bare or as strings, enums by name, escapes, null, unknown fields, any order.
 */
export interface Choices {
  /** one of `count` ways */
  pick(count: number): number
}

/** Choices that follow from a seed. */
export const choices: fc.Arbitrary<Choices> = fc.oneof(fc.constant(0), fc.nat()).map(seed => {
  let state = seed
  return {
    pick: count => {
      state = (Math.imul(state, 1_103_515_245) + (seed === 0 ? 0 : 12_345)) >>> 0
      return (state >>> 8) % count
    },
  }
})

type Value = protobuf.Message | Uint8Array | { toString(): string } | number | string | boolean

export function render(type: protobuf.Type, message: protobuf.Message, choose: Choices): string {
  const parts: string[] = []
  for (const field of type.fieldsArray) {
    field.resolve()
    const style = choose.pick(4) === 1 ? field.name.replace(/[A-Z]/g, c => `_${c.toLowerCase()}`) : field.name
    const name = text(style, choose)
    if (!isSet(field, message)) {
      if (choose.pick(6) === 1) parts.push(`${name}:null`)
      continue
    }
    const value = (message as unknown as Record<string, Value | Value[]>)[field.name]!
    const list = Array.isArray(value) ? `[${value.map(item => one(field, item, choose)).join(gap(choose, ','))}]` : ''
    parts.push(`${name}${gap(choose, ':')}${list || one(field, value as Value, choose)}`)
  }
  if (choose.pick(8) === 1) parts.push(['"zz":{"a":[1,"]}"]}', '"attribute":null', '"":5'][choose.pick(3)]!)
  if (choose.pick(3) === 1) parts.reverse()
  return `{${gap(choose, parts.join(gap(choose, ',')))}}`
}

function isSet(field: protobuf.Field, message: protobuf.Message): boolean {
  if (!Object.hasOwn(message, field.name)) return false
  // protobufjs keeps the members of a oneof that a later one has replaced
  const one = field.partOf
  return !one || (message as unknown as Record<string, unknown>)[one.name] === field.name
}

const gap = (choose: Choices, mark: string) => (choose.pick(10) === 1 ? ` \r\n${mark}\t` : mark)

function text(value: string, choose: Choices): string {
  if (choose.pick(8) !== 1) return JSON.stringify(value)
  return `"${value.split('').map(escaped).join('')}"`
}

/** A unit of UTF-16 as JSON escapes it. */
export const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`

function one(field: protobuf.Field, value: Value, choose: Choices): string {
  if (field.resolvedType instanceof protobuf.Type) return render(field.resolvedType, value as protobuf.Message, choose)
  if (field.resolvedType instanceof protobuf.Enum) {
    const name = field.resolvedType.valuesById[Number(value)]
    return name !== undefined && choose.pick(2) === 1 ? text(name, choose) : whole(String(value), choose)
  }
  if (value instanceof Uint8Array) return text(bytes(field.name, value, choose), choose)
  if (typeof value === 'string') return text(value, choose)
  if (typeof value === 'boolean') return String(value)
  if (field.type === 'double') return double(Number(value), choose)
  return whole(String(value), choose)
}

function whole(value: string, choose: Choices): string {
  const ways = [value, `"${value}"`, `${value}.0`, `"${value}e0"`, value === '0' ? '0e-1' : `${value}0e-1`]
  return ways[choose.pick(8)] ?? `"${value}"`
}

function double(value: number, choose: Choices): string {
  if (!Number.isFinite(value)) return `"${value}"`
  const bare = Object.is(value, -0) ? '-0' : String(value)
  return choose.pick(5) === 1 ? `"${bare}"` : bare
}

function bytes(name: string, value: Uint8Array, choose: Choices): string {
  const buffer = Buffer.from(value)
  const id = /id$/i.test(name)
  if (id && !(choose.pick(4) === 1 && [8, 16].includes(value.length)))
    return choose.pick(2) === 1 ? buffer.toString('hex').toUpperCase() : buffer.toString('hex')
  return choose.pick(2) === 1 ? buffer.toString('base64url') : buffer.toString('base64')
}
