import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AppError } from '../../errors.ts'
import {
  bytesOf,
  convert,
  gauge,
  logs,
  metrics,
  outcomeOf,
  refusal,
  span,
  spanId,
  spans,
  traceId,
} from './json.suite.ts'
import { jsonToOtlp } from './json.ts'

describe('records that break a rule', () => {
  const wrong: [record: string, message: RegExp][] = [
    ['5', /^an element of logRecords is 5, not an object$/],
    ['null', /is null, not an object/],
    ['[]', /is \[\], not an object/],
    ['{"timeUnixNano":"x"}', /^timeUnixNano is "x", not a whole number of 0 to 2\^64-1$/],
    ['{"timeUnixNano":""}', /timeUnixNano is ""/],
    ['{"timeUnixNano":-1}', /timeUnixNano is -1/],
    ['{"timeUnixNano":"-1"}', /timeUnixNano is "-1"/],
    ['{"timeUnixNano":1.5}', /timeUnixNano is 1\.5/],
    ['{"timeUnixNano":"007"}', /timeUnixNano is "007"/],
    ['{"timeUnixNano":" 7"}', /timeUnixNano is " 7"/],
    ['{"timeUnixNano":18446744073709551616}', /timeUnixNano is 18446744073709551616/],
    ['{"timeUnixNano":1e999999999}', /timeUnixNano is 1e999999999/],
    ['{"timeUnixNano":true}', /timeUnixNano is true/],
    ['{"timeUnixNano":{}}', /timeUnixNano is \{\}/],
    ['{"flags":4294967296}', /flags is 4294967296, not a whole number of 0 to 2\^32-1/],
    ['{"droppedAttributesCount":-1}', /droppedAttributesCount is -1/],
    ['{"severityNumber":"INFO"}', /severityNumber is "INFO"/],
    ['{"severityNumber":2147483648}', /severityNumber is 2147483648, not a whole number from -2\^31 to 2\^31-1/],
    ['{"severityText":5}', /severityText is 5, not a string/],
    ['{"traceId":"5b8e"}', /traceId is "5b8e", not 32 hex digits/],
    ['{"traceId":"5b8efff798038103d269b6"}', /traceId is "5b8efff798038103d269b6", not 32 hex digits/],
    ['{"spanId":"eee19b7ec3c1b17z"}', /spanId is "eee19b7ec3c1b17z", not 16 hex digits/],
    ['{"spanId":5}', /spanId is 5, not 16 hex digits/],
    ['{"body":"text"}', /body is "text", not an object/],
    ['{"body":{"stringValue":5}}', /stringValue is 5, not a string/],
    ['{"body":{"boolValue":"true"}}', /boolValue is "true", not true or false/],
    ['{"body":{"intValue":9223372036854775808}}', /intValue is 9223372036854775808/],
    ['{"body":{"doubleValue":"abc"}}', /doubleValue is "abc", not a double/],
    ['{"body":{"doubleValue":""}}', /doubleValue is ""/],
    ['{"body":{"doubleValue":"0x10"}}', /doubleValue is "0x10"/],
    ['{"body":{"doubleValue":1e400}}', /doubleValue is 1e400/],
    ['{"body":{"bytesValue":"A"}}', /bytesValue is "A", not base64/],
    ['{"body":{"bytesValue":"AA="}}', /bytesValue is "AA="/],
    ['{"body":{"bytesValue":"A A="}}', /bytesValue is "A A="/],
    ['{"body":{"stringValue":"a","intValue":1}}', /a value has stringValue and intValue: only one may be set/],
    ['{"body":{"arrayValue":[]}}', /arrayValue is \[\], not an object/],
    ['{"body":{"arrayValue":{"values":{}}}}', /values is \{\}, not an array/],
    ['{"body":{"stringValue":"\\ud800"}}', /stringValue is not UTF-8, or has half of a surrogate pair/],
    ['{"attributes":{}}', /attributes is \{\}, not an array/],
    ['{"attributes":[null]}', /an element of attributes is null/],
    ['{"attributes":[{"key":"\\udc00x"}]}', /key is not UTF-8/],
  ]

  for (const [record, message] of wrong)
    test(`${record} is refused alone, with its text`, () => {
      const { count, rows, dead } = convert('logs', logs({ flags: 1 }, record, { flags: 2 }))
      assert.equal(count, 3)
      assert.deepEqual(
        rows.map(({ at, row }) => [at, row.flags]),
        [
          [0, 1],
          [2, 2],
        ],
      )
      assert.equal(dead.length, 1)
      assert.equal(dead[0]!.at, 1)
      assert.match(dead[0]!.message, message)
      assert.equal(dead[0]!.raw, record)
      assert.equal(dead[0]!.size, record.length)
    })

  test('the code of a refused record is bad_record', () => {
    assert.equal(jsonToOtlp('logs', bytesOf(logs(5))).refused[0]!.code, 'bad_record')
  })

  test('a long value is cut in the message', () => {
    const message = refusal('logs', logs({ timeUnixNano: 'x'.repeat(1000) }))
    assert.ok(message.length < 150, message)
    assert.match(message, /xxx…, not/)
  })

  test('bytes that are no UTF-8 refuse the record that has them', () => {
    const body = Buffer.from(logs({ flags: 1 }, { body: { stringValue: 'caf@' } }, { flags: 2 }))
    body[body.indexOf('@')] = 0xe9
    const { count, rows, dead } = outcomeOf('logs', jsonToOtlp('logs', body))
    assert.equal(count, 3)
    assert.deepEqual(
      rows.map(({ at }) => at),
      [0, 2],
    )
    assert.match(dead[0]!.message, /stringValue is not UTF-8/)
  })

  test('values that nest too deep refuse their record', () => {
    const nested = (levels: number): string =>
      levels === 0 ? '{"intValue":1}' : `{"arrayValue":{"values":[${nested(levels - 1)}]}}`
    assert.equal(convert('logs', logs(`{"body":${nested(64)}}`)).rows.length, 1)
    assert.match(refusal('logs', logs(`{"body":${nested(65)}}`)), /arrayValue: a value nests deeper than 64/)
    assert.match(refusal('logs', logs(`{"body":${nested(2000)}}`)), /nests deeper than 64/)
  })

  test('links and exemplars with ids of another width refuse their record', () => {
    assert.match(refusal('traces', spans({ ...span, links: [{ traceId: 'ab', spanId }] })), /traceId is "ab"/)
    assert.match(refusal('metrics', gauge({ exemplars: [{ traceId, spanId: 'ab' }] })), /spanId is "ab"/)
  })

  test('a record longer than the limit is refused, and cut in its dead letter', () => {
    const record = JSON.stringify({ body: { stringValue: 'x'.repeat(100) } })
    const { dead, count } = outcomeOf('logs', jsonToOtlp('logs', bytesOf(logs({}, record)), { maxRecordBytes: 50 }))
    assert.equal(count, 2)
    assert.match(dead[0]!.message, new RegExp(`has ${record.length} bytes, more than 50`))
    assert.equal(dead[0]!.raw, record.slice(0, 50))
    assert.equal(dead[0]!.size, record.length)
  })
})

describe('what is broken above the records', () => {
  const records = [{ flags: 1 }, { flags: 2 }]

  test('a broken resource refuses the records under it, and no others', () => {
    const resource = { attributes: [{ key: 'a', value: { intValue: 'x' } }] }
    const group = (more: object) => ({ scopeLogs: [{ logRecords: records }], ...more })
    for (const json of [
      { resourceLogs: [group({}), { resource, ...group({}) }, group({})] },
      { resourceLogs: [group({}), { ...group({}), resource }, group({})] },
    ]) {
      const { count, rows, dead } = convert('logs', json)
      assert.equal(count, 6)
      assert.deepEqual(
        rows.map(({ at }) => at),
        [0, 1, 4, 5],
      )
      assert.deepEqual(
        dead.map(({ at, raw }) => [at, raw]),
        [
          [2, '{"flags":1}'],
          [3, '{"flags":2}'],
        ],
      )
      assert.match(dead[0]!.message, /^the resource: intValue is "x", not a whole number/)
    }
  })

  test('a broken scope or schema URL does too, before or behind the records', () => {
    const heads = [{ scope: { name: 5 } }, { scope: [] }, { schemaUrl: 5 }]
    for (const head of heads)
      for (const scope of [
        { ...head, logRecords: records },
        { logRecords: records, ...head },
      ]) {
        const { rows, dead } = convert('logs', { resourceLogs: [{ scopeLogs: [scope, { logRecords: records }] }] })
        assert.deepEqual(
          rows.map(({ at }) => at),
          [2, 3],
        )
        assert.deepEqual(
          dead.map(({ at }) => at),
          [0, 1],
        )
      }
  })

  test('a broken metric refuses its points, before or behind them', () => {
    const gauge = { dataPoints: [{ asInt: 1 }, { asInt: 2 }] }
    for (const metric of [
      { name: 5, gauge },
      { gauge, name: 5 },
      { name: 'm', sum: { aggregationTemporality: 'BAD', ...gauge } },
      { name: 'm', sum: { ...gauge, isMonotonic: 1 } },
    ]) {
      const { count, rows, dead } = convert('metrics', metrics(metric, { name: 'ok', gauge }))
      assert.equal(count, 4)
      assert.deepEqual(
        rows.map(({ at, row }) => [at, row.name]),
        [
          [2, 'ok'],
          [3, 'ok'],
        ],
      )
      assert.deepEqual(
        dead.map(({ at, raw }) => [at, raw]),
        [
          [0, '{"asInt":1}'],
          [1, '{"asInt":2}'],
        ],
      )
    }
  })

  test('a metric of two kinds refuses the points of both', () => {
    const dataPoints = [{ asInt: 1 }]
    const { rows, dead } = convert('metrics', metrics({ name: 'm', gauge: { dataPoints }, sum: { dataPoints } }))
    assert.deepEqual(rows, [])
    assert.deepEqual(
      dead.map(({ at }) => at),
      [0, 1],
    )
    assert.equal(dead[0]!.message, 'metric "m": gauge and sum are set: only one may be')
  })

  test('the message of a refused data point names its metric', () => {
    assert.match(refusal('metrics', gauge({ asInt: 'x' })), /^metric "g": asInt is "x"/)
  })

  test('what should hold records and does not is one refused record, so that it does not vanish', () => {
    for (const [json, raw] of [
      ['{"resourceLogs":[5]}', '5'],
      ['{"resourceLogs":[{"scopeLogs":{}}]}', '{}'],
      ['{"resourceLogs":[{"scopeLogs":[null]}]}', 'null'],
      ['{"resourceLogs":[{"scopeLogs":[{"logRecords":"x"}]}]}', '"x"'],
    ] as const) {
      const { count, dead } = convert('logs', json)
      assert.equal(count, 1)
      assert.equal(dead[0]!.raw, raw)
    }
    assert.match(refusal('metrics', metrics({ name: 'm', gauge: 5 })), /a gauge is no object/)
  })
})

describe('requests that are broken as a whole', () => {
  const broken: [text: string, message: RegExp][] = [
    ['nope', /broken at line 1, column 1: no value begins like that/],
    ['{"resourceLogs":[\n  {"a":1,}\n]}', /line 2, column 10: a key is missing/],
    ['{"a":"é" "b":1}', /line 1, column 10: ',' or '\}' is missing/],
    ['\ufeff{"a" 1}', /line 1, column 6: ':' is missing/],
    ['{"a":[1 2]}', /',' or '\]' is missing/],
    ['{"a":[1,', /the text ends where a value is missing/],
    ['{"a":"x', /the text ends inside a string/],
    ['{"a":"x\ny"}', /a control character stands in a string/],
    ['{"a":"\\x"}', /a backslash is followed by no escape/],
    ['{"a":"\\u12g4"}', /a backslash is followed by no escape/],
    ['{"a":01}', /',' or '\}' is missing/],
    ['{"a":-}', /a number is not written as JSON has it/],
    ['{"a":1.}', /a number is not written as JSON has it/],
    ['{"a":tru}', /no value begins like that/],
    ['{} {}', /line 1, column 4: the text goes on after its value/],
    ['\u0000', /no value begins like that/],
    ['5', /a request is an object with resourceLogs/],
    ['null', /a request is an object with resourceLogs/],
    ['{"resourceLogs":{}}', /resourceLogs is no array/],
    ['{"resourceSpans":[]}', /resourceSpans are no part of this request: send them to \/v1\/traces/],
    [' \n ', /line 2, column 2: the text ends where a value is missing/],
    [`{"a":${'['.repeat(20_000)}`, /values nest deeper than 10000/],
    [logs({ flags: 1 }, '{"flags":'), /line 1, column/],
  ]
  for (const [text, message] of broken)
    test(`${JSON.stringify(text.slice(0, 40))} is bad, and the message says where`, () => {
      assert.throws(
        () => jsonToOtlp('logs', bytesOf(text)),
        (error: unknown) => error instanceof AppError && error.code === 'bad_request' && message.test(error.message),
      )
    })

  test('a request that grows beyond the memory it may take is too large', () => {
    const tooLarge = (error: unknown) => error instanceof AppError && error.code === 'body_too_large'
    const many = JSON.stringify({ dataPoints: [{ explicitBounds: Array(100_000).fill(0) }] })
    const request = bytesOf(metrics(`{"name":"h","histogram":${many}}`))
    assert.throws(() => jsonToOtlp('metrics', request, { maxMemory: 500_000 }), tooLarge)
    const refused = bytesOf(logs(...Array(10_000).fill(1)))
    assert.throws(() => jsonToOtlp('logs', refused, { maxMemory: 1_000_000 }), tooLarge)
  })
})
