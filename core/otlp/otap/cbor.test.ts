import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestType } from '../../../test/support/otlp.ts'
import { Writer } from '../wire/writer.ts'
import { writeCbor } from './cbor.ts'

const anyValue = requestType('logs').root.lookupType('opentelemetry.proto.common.v1.AnyValue')
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

function write(bytes: Uint8Array): Uint8Array {
  const writer = new Writer(1 << 20)
  writeCbor(writer, bytes, 0, bytes.length)
  return writer.finish()
}
const read = (bytes: Uint8Array) => anyValue.toObject(anyValue.decode(write(bytes)), { longs: String, bytes: String })
const string = (stringValue: string) => ({ stringValue })
const int = (intValue: number | string) => ({ intValue: String(intValue) })
const array = (...values: object[]) => ({ arrayValue: values.length === 0 ? {} : { values } })
const map = (...values: [string, object][]) => ({
  kvlistValue: values.length === 0 ? {} : { values: values.map(([key, value]) => ({ key, value })) },
})

test('each kind of item is the value that RFC 8949 says', () => {
  const cases: [string, object][] = [
    ['00', int(0)],
    ['17', int(23)],
    ['1818', int(24)],
    ['1903e8', int(1000)],
    ['1a000f4240', int(1000000)],
    ['1b7fffffffffffffff', int('9223372036854775807')],
    ['20', int(-1)],
    ['3903e7', int(-1000)],
    ['3b7fffffffffffffff', int('-9223372036854775808')],
    ['f90000', { doubleValue: 0 }],
    ['f93c00', { doubleValue: 1 }],
    ['f93e00', { doubleValue: 1.5 }],
    ['f97bff', { doubleValue: 65504 }],
    ['f90001', { doubleValue: 2 ** -24 }],
    ['f90400', { doubleValue: 0.00006103515625 }],
    ['f9c400', { doubleValue: -4 }],
    ['f97c00', { doubleValue: Number.POSITIVE_INFINITY }],
    ['f97e00', { doubleValue: Number.NaN }],
    ['f9fc00', { doubleValue: Number.NEGATIVE_INFINITY }],
    ['fa47c35000', { doubleValue: 100000 }],
    ['fb3ff199999999999a', { doubleValue: 1.1 }],
    ['f4', { boolValue: false }],
    ['f5', { boolValue: true }],
    ['f6', {}],
    ['f7', {}],
    ['4401020304', { bytesValue: 'AQIDBA==' }],
    ['60', string('')],
    ['6449455446', string('IETF')],
    ['62c3bc', string('ü')],
  ]
  for (const [bytes, expected] of cases) assert.deepEqual(read(hex(bytes)), expected, bytes)
})

test('arrays and maps of definite and of indefinite length nest', () => {
  const nested = array(int(1), array(int(2), int(3)), map(['a', int(1)], ['b', array()]))
  assert.deepEqual(read(hex('83 01 820203 a2 6161 01 6162 80')), nested)
  assert.deepEqual(read(hex('9f 01 9f0203ff bf 6161 01 6162 9fff ff ff')), nested)
  assert.deepEqual(read(hex('a0')), map())
  assert.deepEqual(read(hex('bfff')), map())
})

test('an array that is longer than its bytes guess is written whole', () => {
  const values = Array.from({ length: 20_000 }, () => string('x'.repeat(20)))
  const item = `74${'78'.repeat(20)}`
  assert.deepEqual(read(hex(`9f${item.repeat(20_000)}ff`)), array(...values))
})

test('what no AnyValue can hold is refused', () => {
  const cases: [string, RegExp][] = [
    ['1b8000000000000000', /CBOR number 9223372036854775808 has more than 64 bits/],
    ['3b8000000000000000', /CBOR number -9223372036854775809 has more than 64 bits/],
    ['c249010000000000000000', /CBOR tag/],
    ['a10102', /a key that is no text/],
    ['f820', /simple CBOR value 24/],
    ['ff', /simple CBOR value 31/],
    ['7f657374726561646d696e67ff', /string in chunks/],
    ['1c', /reserved length 28/],
    ['1f', /indefinite length/],
    ['0000', /1 bytes behind/],
    [`${'81'.repeat(101)}00`, /nests deeper than 100/],
  ]
  for (const [bytes, expected] of cases) assert.throws(() => read(hex(bytes)), expected, bytes)
  assert.doesNotThrow(() => write(hex(`${'81'.repeat(100)}00`)))
})

test('a value that is cut anywhere is refused, whatever length it claims', () => {
  const whole = hex('9f 01 bf 6161 fb3ff199999999999a 6162 4401020304 ff 1903e8 ff')
  for (let end = 0; end < whole.length; end++) assert.throws(() => read(whole.subarray(0, end)), RangeError)
  for (const huge of ['9bffffffffffffffff', 'bbffffffffffffffff', '5bffffffffffffffff', '7bffffffffffffffff'])
    assert.throws(() => read(hex(huge)), RangeError)
})
