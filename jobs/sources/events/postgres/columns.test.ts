import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Utf8, vectorFromArray } from 'apache-arrow'
import fc from 'fast-check'
import { escapeNul } from '../../../../gateway/store/postgres/texts.ts'
import { service } from '../../../../test/support/servers.ts'
import { createBinaryReader } from '../../../drivers/postgres/copy-binary.ts'
import { open } from '../../../drivers/postgres/harness.suite.ts'
import { serverOfUrl } from '../../../drivers/postgres/keys.ts'
import type { PgSession } from '../../../drivers/postgres/session.ts'
import { errorOf } from '../../../runtime/harness/error.suite.ts'
import { restoreNuls } from './texts.ts'
import { unsignedAppender } from './unsigned.ts'

const { skip, at } = service('postgres')

const char = fc.constantFrom('\0', '\uffff', '0', 'a', 'ü', '💧', '\ufffe')
const text = fc.option(fc.string({ unit: char, maxLength: 8 }))

function restored(texts: readonly (string | null)[]): (string | null)[] {
  const found = restoreNuls(vectorFromArray([...texts], new Utf8()).data[0]!)
  const bytes = Buffer.from(found.values)
  return texts.map((_, row) =>
    found.getValid(row) ? bytes.toString('utf8', found.valueOffsets[row], found.valueOffsets[row + 1]) : null,
  )
}

test('whatever text the gateway stored comes back as it was sent, NULs and U+FFFF too', () => {
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 12 }), texts => {
      assert.deepEqual(restored(texts.map(each => each && escapeNul(each))), texts)
    }),
    { numRuns: 500 },
  )
})

test('a substitute that is none stays as it is', () => {
  assert.deepEqual(restored(['\uffff', '\uffffa', 'a\uffff', '0']), ['\uffff', '\uffffa', 'a\uffff', '0'])
})

test('every unsigned number of 64 bits is exact, and no other is taken', { skip }, async t => {
  let session: PgSession | undefined
  t.after(() => session?.close())
  async function read(list: readonly string[]) {
    // whoever leaves a COPY before its end loses the session
    if (session?.broken !== false) session = await open(serverOfUrl(at.POSTGRES))
    const column = unsignedAppender('n')
    const reader = createBinaryReader([column])
    const values = list.map((value, at) => `(${at}, ${value})`).join()
    const sql = `COPY (SELECT n::numeric FROM (VALUES ${values}) AS v(at, n) ORDER BY at) TO STDOUT (FORMAT binary)`
    for await (const chunk of session.copyOut(sql)) reader.push(chunk)
    reader.finish()
    const data = column.finish()
    return list.map((_, row) => (data.getValid(row) ? (data.values as BigUint64Array)[row]! : null))
  }
  const edges = [0n, 1n, 9999n, 10_000n, 10n ** 16n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 64n - 1n]
  const round = fc
    .tuple(fc.bigInt({ min: 1n, max: 9999n }), fc.nat(3))
    .map(([n, power]) => n * 10_000n ** BigInt(power))
  const value = fc.option(fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(...edges), round))
  await fc.assert(
    fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 50 }), async values => {
      assert.deepEqual(await read(values.map(each => (each === null ? 'null::numeric' : `${each}`))), values)
    }),
    { numRuns: 30 },
  )
  // more rows than it is made for at first
  const many = Array.from({ length: 3000 }, (_, row) => String(row))
  assert.deepEqual(await read(many), many.map(BigInt))
  for (const none of ['18446744073709551616', '99999999999999999999', '-1', '0.5', "'NaN'", "'Infinity'", '1e30'])
    assert.equal((await errorOf(read([none]))).code, 'bad_data', none)
})
