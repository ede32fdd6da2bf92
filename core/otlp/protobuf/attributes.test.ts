import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rowsOf } from '../rows.ts'
import { field, hex, int, lists, logRequest, logs, rows, string, value } from './decode.suite.ts'
import { decodeOtlp } from './decode.ts'

const attributes = (...list: object[]) => rows('logs', logs([{ attributes: list }]))[0]?.log_attributes
/** the JSON of one value */
const json = (any: object) => String(attributes(value('v', any))).slice('{"v":'.length, -1)

test('keys are sorted by their bytes, and of equal keys the last counts', () => {
  assert.equal(
    attributes(
      string('b', '1'),
      string('～', '2'),
      string('😀', '3'),
      string('a', '4'),
      string('b', '5'),
      string('', '6'),
    ),
    '{"":"6","a":"4","b":"5","～":"2","😀":"3"}',
  )
})

test('long lists are sorted the same way', () => {
  const keys = Array.from({ length: 1000 }, (_, k) => `k${(k * 7919) % 500}`)
  const expected = Object.fromEntries(keys.map((key, k) => [key, k]))
  const text = attributes(...keys.map((key, k) => int(key, k))) as string
  assert.deepEqual(JSON.parse(text), expected)
  assert.deepEqual(Object.keys(JSON.parse(text)), Object.keys(expected).sort())
})

test('an attribute without a value is skipped, one with an empty value is null', () => {
  assert.equal(attributes({ key: 'a' }, value('b', {})), '{"b":null}')
  assert.equal(attributes(string('a', 'x'), { key: 'a' }), '{"a":"x"}')
})

test('an empty list is NULL', () => {
  assert.equal(attributes(), undefined)
  assert.equal(attributes({ key: 'a' }), undefined)
})

test('integers are exact', () => {
  for (const text of [
    '0',
    '-1',
    '9007199254740993',
    '-9007199254740993',
    '9223372036854775807',
    '-9223372036854775808',
  ])
    assert.equal(json({ intValue: text }), text)
})

test('doubles are as JavaScript prints them, whole ones with .0, and what JSON cannot write is a string', () => {
  const cases: [number, string][] = [
    [3, '3.0'],
    [-0, '-0.0'],
    [0.1, '0.1'],
    [1e20, '100000000000000000000.0'],
    [1e21, '1e+21'],
    [5e-324, '5e-324'],
    [Number.NaN, '"NaN"'],
    [Number.POSITIVE_INFINITY, '"Infinity"'],
    [Number.NEGATIVE_INFINITY, '"-Infinity"'],
  ]
  for (const [doubleValue, text] of cases) assert.equal(json({ doubleValue }), text)
})

test('strings are escaped as JSON.stringify does it', () => {
  for (let code = 0; code < 0x180; code++) {
    const stringValue = `<${String.fromCodePoint(code)}>`
    assert.equal(json({ stringValue }), JSON.stringify(stringValue))
  }
  const stringValue = '\u0000'.repeat(5000)
  assert.equal(json({ stringValue }), JSON.stringify(stringValue))
})

test('bytes are base64', () => {
  for (let length = 0; length < 5; length++) {
    const bytesValue = Uint8Array.from({ length }, (_, k) => 0xf8 + k)
    assert.equal(json({ bytesValue }), `"${Buffer.from(bytesValue).toString('base64')}"`)
  }
})

test('lists and objects nest, and inner keys are sorted too', () => {
  const inner = { kvlistValue: { values: [int('z', 1), string('a', 'x'), { key: 'none' }] } }
  assert.equal(
    json({ arrayValue: { values: [inner, { arrayValue: {} }, { kvlistValue: {} }, {}] } }),
    '[{"a":"x","z":1},[],{},null]',
  )
})

test('nesting to the limit is kept, deeper refuses the record', () => {
  const body = logRequest(field(5, lists(64)), field(5, lists(65)), field(6, field(1), field(2, lists(65))))
  const records = decodeOtlp('logs', body)
  assert.equal(rowsOf(records)[0]?.row.body, `${'['.repeat(64)}null${']'.repeat(64)}`)
  assert.deepEqual(
    records.dead.map(({ message }) => message),
    ['body: a value nests deeper than 64', 'log attributes: a value nests deeper than 64'],
  )
  assert.equal(decodeOtlp('logs', body, { maxDepth: 65 }).dead.length, 0)
})

test('strings that are not UTF-8 refuse their record', () => {
  const broken = 'ff|80|c3|c0af|e28228|eda080|f09f98|f4908080|e08080|f8888080|c1bf'.split('|')
  for (const text of broken) {
    const bytes = hex(text)
    const { dead, count } = decodeOtlp(
      'logs',
      logRequest(
        field(5, field(1, bytes)),
        field(6, field(1, bytes), field(2)),
        field(3, bytes),
        field(6, field(2, field(1, bytes))),
      ),
    )
    assert.equal(count, 4)
    assert.deepEqual(
      dead.map(({ message }) => message),
      [
        'body is not valid UTF-8',
        'log attributes: a string is not valid UTF-8',
        'severity_text is not valid UTF-8',
        'log attributes: a string is not valid UTF-8',
      ],
      text,
    )
  }
})

test('a value that comes in pieces is merged as protobuf says', () => {
  const one = hex('0a 02 18 01')
  const two = hex('0a 02 18 02')
  const value = (...payload: Uint8Array[]) => field(6, field(1, hex('61')), ...payload)
  const of = (record: Uint8Array) => rowsOf(decodeOtlp('logs', logRequest(record)))[0]!.row
  assert.equal(of(value(field(2, field(5, one), field(5, two)))).log_attributes, '{"a":[1,2]}')
  assert.equal(of(value(field(2, field(5, one)), field(2), field(2, field(5, two)))).log_attributes, '{"a":[1,2]}')
  assert.equal(of(value(field(2, field(5, one), field(1, hex('78'))))).log_attributes, '{"a":"x"}')
  assert.equal(of(value(field(2, field(1, hex('78')), field(5, one)))).log_attributes, '{"a":[1]}')
  assert.equal(of(Buffer.concat([field(5, field(5, one)), field(5, field(5, two))])).body, '[1,2]')
})
