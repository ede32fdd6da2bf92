import fc from 'fast-check'
import type { FramerOptions } from '../../core/framing/framing.ts'

/** What bodies are made of: JSON's own bytes, its tokens whole and cut, text in and out of UTF-8. */
const fragments = [
  ...['{', '}', '[', ']', ',', ':', '"', '\\', ' ', '\n', '\r\n', '\r', '\t', '\n', ' '],
  ...['""', '"a"', '"a":', '{"a":1}', '{"a":', '[1,', ',1]', '[]', '{}', '[1,\n2]', '{"k":[1,{"x":"y"}]}'],
  ...['0', '-0', '1', '12', '-', '01', '1.5', '1.', '.5', '1e5', '1E-5', '1e', '+', 'e', '1e400', '9'.repeat(30)],
  ...['true', 'false', 'null', 'tru', 'f', 'nul', 'x', 'NaN'],
  ...['"\\n"', '"\\u00e9"', '"\\ud800"', '"\\u12', '\\"', '\\u', '"\\q"'],
  ...['é', 'é€', '"€"', '"😀"', '"日本語 text"', '\ufeff'],
].map(text => Buffer.from(text))
const broken = 'ff 80 c3 c0af e282 eda080 f09f98 f4908080 efbb e08080 00 1f 7f'.split(' ')
const fragment = fc.constantFrom(
  ...fragments,
  ...broken.flatMap(hex => [
    Buffer.from(hex, 'hex'),
    Buffer.from(`22${hex}22`, 'hex'),
    Buffer.from(`2261${hex}626364`, 'hex'),
  ]),
)

const joined = (parts: readonly Uint8Array[]) => Uint8Array.from(Buffer.concat(parts))

/** Fragments in any order. */
const soup = fc.array(fragment, { maxLength: 24 }).map(joined)

/** JSON text of a value, on one line or on several. */
export const jsonText = fc
  .tuple(fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }), fc.constantFrom(undefined, 1, '\t'), fc.boolean())
  .map(([value, indent, crLf]) => JSON.stringify(value, null, indent).replaceAll('\n', crLf ? '\r\n' : '\n'))

const separator = fc.constantFrom('', ' ', '\n', '\r\n', '\n\n', '\t ')

/** Values with or without white space in between. */
const values = fc
  .array(fc.tuple(jsonText, separator), { maxLength: 6 })
  .map(list => Uint8Array.from(Buffer.from(list.flat().join(''))))

const batch = fc.array(jsonText, { maxLength: 5 }).map(list => Uint8Array.from(Buffer.from(` [${list.join(' ,\n')}] `)))

const mutation = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), at: fc.nat(), byte: fc.nat(255) }),
  fc.record({ kind: fc.constant('delete' as const), at: fc.nat(), length: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('insert' as const), at: fc.nat(), bytes: fragment }),
  fc.record({ kind: fc.constant('repeat' as const), at: fc.nat(), length: fc.integer({ min: 1, max: 9 }) }),
)

function mutate(bytes: Uint8Array<ArrayBuffer>, change: typeof mutation extends fc.Arbitrary<infer T> ? T : never) {
  const at = change.at % (bytes.length + 1)
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
  if (change.kind === 'set') return joined([before, Uint8Array.of(change.byte), after.subarray(1)])
  if (change.kind === 'delete') return joined([before, after.subarray(change.length)])
  if (change.kind === 'insert') return joined([before, change.bytes, after])
  return joined([before, after.subarray(0, change.length), after])
}

const mutated = fc
  .tuple(fc.oneof(values, batch), fc.array(mutation, { minLength: 1, maxLength: 3 }))
  .map(([bytes, changes]) => changes.reduce(mutate, bytes))

/** Any body: good, bad and worse. */
export const body = fc.oneof(
  { weight: 4, arbitrary: soup },
  { weight: 4, arbitrary: mutated },
  { weight: 1, arbitrary: values },
  { weight: 1, arbitrary: batch },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }).map(bytes => Uint8Array.from(bytes)) },
)

/** Limits that generated bodies meet. */
export const options: fc.Arbitrary<FramerOptions & { maxEventBytes: number; maxDepth: number }> = fc.record({
  maxEventBytes: fc.oneof(fc.constant(1 << 20), fc.integer({ min: 1, max: 12 })),
  maxDepth: fc.oneof(fc.constant(900), fc.integer({ min: 0, max: 3 })),
  onBad: fc.constantFrom('stop', 'dead_letter'),
  arrayIsBatch: fc.boolean(),
})

/** Positions to cut a body at, and after which chunks to take. */
export const cuts = fc.array(fc.tuple(fc.nat(200), fc.boolean()), { maxLength: 12 })
