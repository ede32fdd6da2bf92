import fc from 'fast-check'
import protobuf from 'protobufjs'
import type { Signal } from '../../core/otlp/records.ts'
import { requestType } from '../support/otlp.ts'

/**
 * Requests in protobuf, made field by field from the schema: each absent, there, or there again, in any order, unknown
 * ones in between, repeated numbers packed or not, so that a reader that trusts the order of an encoder is caught.
 */

type Bytes = Uint8Array
const join = (parts: readonly Bytes[]): Bytes => Uint8Array.from(Buffer.concat(parts))

function encode(write: (writer: protobuf.Writer) => unknown): Bytes {
  const writer = protobuf.Writer.create()
  write(writer)
  return Uint8Array.from(writer.finish())
}
const tag = (field: number, type: number) => encode(writer => writer.uint32((field << 3) | type))
const delimited = (payload: Bytes) => encode(writer => writer.bytes(payload))
const long = (value: bigint) => String(BigInt.asIntN(64, value))

const words = fc.oneof(
  fc.bigInt(0n, 2n ** 64n - 1n),
  fc.bigInt(0n, 300n),
  fc.constantFrom(0n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n),
)
const int32 = fc.oneof(fc.integer({ min: -3, max: 30 }), fc.integer())
const varint = words.map(value => encode(writer => writer.uint64(long(value))))
const fixed64 = words.map(value => encode(writer => writer.fixed64(long(value))))
const doubles = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(-0, 1e21, 1e20, 5e-324, 2 ** 53))
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom('', 'a', 'ab', 'a'.repeat(70), 'é', '日本', '😀', '"\\\n\u0000\u007f\u2028', '/'),
)
const keys = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'ab',
    '',
    'é',
    '～',
    '😀',
    'service.name',
    'service.namespace',
    'service.instance.id',
    'host',
  ),
  text,
)
const id = (width: number) => {
  const some = fc.uint8Array({ minLength: width, maxLength: width })
  return fc.oneof(
    { weight: 20, arbitrary: some },
    { weight: 2, arbitrary: fc.constantFrom(new Uint8Array(0), new Uint8Array(width)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: width + 2 }) },
  )
}

/** What a scalar is written as, and its wire type. */
function scalar(field: protobuf.Field): [type: number, fc.Arbitrary<Bytes>] {
  const enumOr = field.resolvedType instanceof protobuf.Enum ? 'int32' : field.type
  switch (enumOr) {
    case 'string':
      return [2, (field.name === 'key' ? keys : text).map(value => encode(writer => writer.string(value)))]
    case 'bytes': {
      const width = field.name === 'traceId' ? 16 : field.name.toLowerCase().endsWith('spanid') ? 8 : 0
      return [2, (width ? id(width) : fc.uint8Array({ maxLength: 9 })).map(delimited)]
    }
    case 'double':
      return [1, doubles.map(value => encode(writer => writer.double(value)))]
    case 'fixed64':
    case 'sfixed64':
      return [1, fixed64]
    case 'fixed32':
      return [5, fc.nat({ max: 2 ** 32 - 1 }).map(value => encode(writer => writer.fixed32(value)))]
    case 'bool':
      return [0, fc.boolean().map(value => encode(writer => writer.bool(value)))]
    case 'int32':
      return [0, int32.map(value => encode(writer => writer.int32(value)))]
    case 'sint32':
      return [0, int32.map(value => encode(writer => writer.sint32(value)))]
    case 'uint32':
      return [0, fc.oneof(fc.nat({ max: 9 }), fc.nat({ max: 2 ** 32 - 1 })).map(v => encode(w => w.uint32(v)))]
    case 'int64':
    case 'uint64':
      return [0, varint]
    default:
      throw new Error(`no arbitrary for ${field.fullName}: ${field.type}`)
  }
}

const unknown = fc.oneof(
  varint.map(value => join([tag(100, 0), value])),
  fixed64.map(value => join([tag(15_000, 1), value])),
  fc.uint8Array({ maxLength: 12 }).map(payload => join([tag(536_870_911, 2), delimited(payload)])),
  fc.constant(join([tag(31, 5), new Uint8Array(4)])),
)

const repeat = (arbitrary: fc.Arbitrary<Bytes>, often: number) =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constant<Bytes[]>([]) },
    { weight: 6, arbitrary: arbitrary.map(bytes => [bytes]) },
    { weight: often, arbitrary: fc.array(arbitrary, { minLength: 2, maxLength: 3 }) },
  )

/** Pieces of a message that may stand in any order: each is a field, or fields that must keep theirs. */
function fieldPieces(field: protobuf.Field, depth: number): fc.Arbitrary<Bytes[]> {
  field.resolve()
  if (field.resolvedType instanceof protobuf.Type) {
    if (depth === 0) return fc.constant([])
    const payload = message(field.resolvedType, depth - 1)
    return repeat(
      payload.map(bytes => join([tag(field.id, 2), delimited(bytes)])),
      field.repeated ? 4 : 1,
    )
  }
  const [type, value] = scalar(field)
  const single = value.map(bytes => join([tag(field.id, type), bytes]))
  if (!field.repeated) return repeat(single, 1)
  const packed = fc.array(value, { maxLength: 5 }).map(values => join([tag(field.id, 2), delimited(join(values))]))
  return repeat(fc.oneof(packed, packed, single), 2)
}

/** One member, or one after the other: the last counts. Kept in one piece, see the reference: it forgets none. */
function oneOf(fields: readonly protobuf.Field[], depth: number): fc.Arbitrary<Bytes[]> {
  const member = fc.oneof(...fields.map(field => fieldPieces(field, depth).map(join)))
  const pair = fc.tuple(fc.nat(), fc.nat()).chain(([a, b]) => {
    const [first, second] = [fields[a % fields.length]!, fields[b % fields.length]!]
    return fc.tuple(fieldPieces(first, depth).map(join), fieldPieces(second, depth).map(join)).map(join)
  })
  return fc.oneof({ weight: 8, arbitrary: member }, { weight: 1, arbitrary: pair }).map(bytes => [bytes])
}

/** Indexes into a table of strings are for profiles; in these requests they are unknown fields. */
const inUse = ({ name }: protobuf.Field) => !name.endsWith('Strindex')

const made = new Map<string, fc.Arbitrary<Bytes>>()

function message(type: protobuf.Type, depth: number): fc.Arbitrary<Bytes> {
  const key = `${type.fullName} ${depth}`
  const known = made.get(key)
  if (known) return known
  const oneofs = type.oneofsArray.filter(({ fieldsArray }) => fieldsArray.length > 1)
  const alone = type.fieldsArray.filter(field => inUse(field) && !oneofs.some(one => one.fieldsArray.includes(field)))
  const pieces = [
    ...alone.map(field => fieldPieces(field, depth)),
    ...oneofs.map(one => oneOf(one.fieldsArray.filter(inUse), depth)),
  ]
  const rarely = fc.oneof(
    { weight: 6, arbitrary: fc.constant<Bytes[]>([]) },
    { weight: 1, arbitrary: unknown.map(u => [u]) },
  )
  const arbitrary = fc
    .tuple(fc.tuple(...pieces, rarely), fc.oneof(fc.constant(0), fc.nat()))
    .map(([lists, seed]) => join(shuffled(lists.flat(), seed)))
  made.set(key, arbitrary)
  return arbitrary
}

/** In an order that the seed gives; 0 leaves it. */
function shuffled<T>(values: T[], seed: number): T[] {
  if (seed === 0) return values
  let state = seed >>> 0
  for (let k = values.length - 1; k > 0; k--) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    const other = (state >>> 8) % (k + 1)
    ;[values[k], values[other]] = [values[other]!, values[k]!]
  }
  return values
}

/** groups, scopes, records, their attributes, and two levels of values in values */
const levels = 10

export const otlpRequest = (signal: Signal): fc.Arbitrary<Bytes> => message(requestType(signal), levels)
