import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRequest } from '../../../test/support/otlp.ts'
import { AppError } from '../../errors.ts'
import { decodeOtlp } from '../protobuf/decode.ts'
import type { Signal } from '../records.ts'
import { type OtlpRow, rowsOf } from '../rows.ts'
import { createOtapDecoder, type OtapOptions } from './decoder.ts'
import { batchIdOf } from './message.ts'
import {
  binary,
  bool,
  type Columns,
  Dictionary,
  f64,
  fixed,
  i32,
  i64,
  message,
  Producer,
  payload,
  struct,
  timestamp,
  u8,
  u16,
  u32,
  utf8,
  words,
} from './otap.suite.ts'

const rows = (signal: Signal, body: Uint8Array): OtlpRow[] => rowsOf(decodeOtlp(signal, body))
const expected = (signal: Signal, request: object): OtlpRow[] => rows(signal, encodeRequest(signal, request))
const string = (key: string, stringValue: string) => ({ key, value: { stringValue } })
const id = (length: number, byte: number) => new Uint8Array(length).fill(byte)

function failure(signal: Signal, bytes: Uint8Array, options?: OtapOptions): string {
  try {
    createOtapDecoder(signal, options).decode(bytes)
  } catch (error) {
    assert.ok(error instanceof AppError, String(error))
    return `${error.code}: ${error.message}`
  }
  return 'none'
}

const logs: Columns = [
  u16('id', [0, null, 1, 1]),
  struct('resource', [
    u16('id', [0, 0, 0, 1]),
    words().column('schema_url', ['https://r', 'https://r', 'https://r', null]),
    u32('dropped_attributes_count', [3, 3, 3, 0]),
  ]),
  struct('scope', [
    u16('id', [0, 0, 1, 0]),
    utf8('name', ['lib', 'lib', 'other', 'other']),
    utf8('version', ['1', '1', null, null]),
  ]),
  words().column('schema_url', ['https://s', 'https://s', null, null]),
  timestamp('time_unix_nano', [1700000000000000001n, 2n, 3n, 4n]),
  timestamp('observed_time_unix_nano', [5n, 0n, 7n, 8n]),
  new Dictionary(i32('', [9]).data.type).column('severity_number', [9, null, -5, 9]),
  words().column('severity_text', ['INFO', null, 'odd', 'INFO']),
  fixed('trace_id', 16, [id(16, 1), null, id(16, 2), id(16, 3)]),
  fixed('span_id', 8, [id(8, 1), null, id(8, 2), id(8, 3)]),
  utf8('event_name', ['e', null, null, null]),
  u32('dropped_attributes_count', [1, 0, 0, 0xffffffff]),
  u32('flags', [0x80000001, 0, 0, 1]),
  struct(
    'body',
    [
      u8('type', [1, 0, 5, 3]),
      utf8('str', ['hello', null, null, null]),
      f64('double', [null, null, null, 2]),
      binary('ser', [null, null, Buffer.from('bf6161f5ff', 'hex'), null]),
    ],
    [true, false, true, true],
  ),
]
const logAttributes: Columns = [
  u16('parent_id', [0, 1, 2, 0, 0, 1]),
  u8('type', [1, 1, 1, 2, 4, 7]),
  words().column('key', ['k', 'k', 'z', 'n', 'b', 'raw']),
  words().column('str', ['v', 'v', '', null, null, null]),
  i64('int', [null, null, null, -(1n << 62n), null, null]),
  bool('bool', [null, null, null, null, true, null]),
  binary('bytes', [null, null, null, null, null, Uint8Array.of(0, 255)]),
]
const ofResources: Columns = [
  u16('parent_id', [0, 1]),
  u8('type', [1, 1]),
  utf8('key', ['service.name', 'service.name']),
  utf8('str', ['a', 'b']),
]
const ofScopes: Columns = [u16('parent_id', [1]), u8('type', [1]), utf8('key', ['s']), utf8('str', ['t'])]
const logMessage = { LOGS: logs, LOG_ATTRS: logAttributes, RESOURCE_ATTRS: ofResources, SCOPE_ATTRS: ofScopes }

const sameLogs = {
  resourceLogs: [
    {
      resource: { attributes: [string('service.name', 'a')], droppedAttributesCount: 3 },
      schemaUrl: 'https://r',
      scopeLogs: [
        {
          scope: { name: 'lib', version: '1' },
          schemaUrl: 'https://s',
          logRecords: [
            {
              timeUnixNano: '1700000000000000001',
              observedTimeUnixNano: '5',
              severityNumber: 9,
              severityText: 'INFO',
              traceId: id(16, 1),
              spanId: id(8, 1),
              eventName: 'e',
              droppedAttributesCount: 1,
              flags: 0x80000001,
              body: { stringValue: 'hello' },
              attributes: [
                string('k', 'v'),
                { key: 'n', value: { intValue: '-4611686018427387904' } },
                { key: 'b', value: { boolValue: true } },
              ],
            },
            { timeUnixNano: '2' },
          ],
        },
        {
          scope: { name: 'other', attributes: [string('s', 't')] },
          logRecords: [
            {
              timeUnixNano: '3',
              observedTimeUnixNano: '7',
              severityNumber: -5,
              severityText: 'odd',
              traceId: id(16, 2),
              spanId: id(8, 2),
              body: { kvlistValue: { values: [{ key: 'a', value: { boolValue: true } }] } },
              attributes: [string('k', 'v'), { key: 'raw', value: { bytesValue: Uint8Array.of(0, 255) } }],
            },
          ],
        },
      ],
    },
    {
      resource: { attributes: [string('service.name', 'b')] },
      scopeLogs: [
        {
          scope: { name: 'other', attributes: [string('s', 't')] },
          logRecords: [
            {
              timeUnixNano: '4',
              observedTimeUnixNano: '8',
              severityNumber: 9,
              severityText: 'INFO',
              traceId: id(16, 3),
              spanId: id(8, 3),
              droppedAttributesCount: 0xffffffff,
              flags: 1,
              body: { doubleValue: 2 },
              attributes: [string('z', '')],
            },
          ],
        },
      ],
    },
  ],
}

for (const compression of [null, 'lz4', 'zstd'] as const)
  test(`logs become the request that holds the same, with ${compression ?? 'no'} compression`, async () => {
    const { zstdDecompressSync } = await import('node:zlib')
    const decoder = createOtapDecoder('logs', {
      zstd: (bytes, size) => zstdDecompressSync(bytes, { maxOutputLength: size }),
    })
    const { batchId, body } = decoder.decode(new Producer(compression).message(logMessage))
    assert.equal(batchId, 0n)
    assert.deepEqual(rows('logs', body), expected('logs', sameLogs))
  })

test('a stream goes on with schemas and dictionaries of its first message, and with new ones', () => {
  const producer = new Producer()
  const text = words()
  const decoder = createOtapDecoder('logs')
  const bodies = [['a', 'b'], ['b'], ['c', 'a']].map((texts, k) => {
    const columns = [
      timestamp(
        'time_unix_nano',
        texts.map(() => 1n),
      ),
      struct('body', [
        u8(
          'type',
          texts.map(() => 1),
        ),
        text.column('str', texts),
      ]),
      // the last message has another schema, and so a stream of its own
      ...(k === 2 ? [u32('flags', [1, 2])] : []),
    ]
    const { batchId, body } = decoder.decode(producer.message({ LOGS: columns }))
    assert.equal(batchId, BigInt(k))
    return rows('logs', body).map(({ row }) => [row.body, row.flags])
  })
  assert.deepEqual(bodies, [
    [
      ['a', 0],
      ['b', 0],
    ],
    [['b', 0]],
    [
      ['c', 1],
      ['a', 2],
    ],
  ])
})

test('a table with its required columns alone is enough', () => {
  const { body } = createOtapDecoder('logs').decode(
    new Producer().message({ LOGS: [timestamp('time_unix_nano', [1n, 2n])] }),
  )
  const request = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ timeUnixNano: '1' }, { timeUnixNano: '2' }] }] }] }
  assert.deepEqual(rows('logs', body), expected('logs', request))
})

test('where a struct is null, so are its parts, whatever they hold', () => {
  const columns = [
    timestamp('time_unix_nano', [1n, 2n, 3n]),
    struct(
      'resource',
      [u16('id', [5, 7, 0]), utf8('schema_url', ['https://r', 'https://x', 'https://r'])],
      [true, false, true],
    ),
  ]
  const ofResource = [u16('parent_id', [5]), u8('type', [1]), utf8('key', ['service.name']), utf8('str', ['five'])]
  const { body } = createOtapDecoder('logs').decode(
    new Producer().message({ LOGS: columns, RESOURCE_ATTRS: ofResource }),
  )
  assert.deepEqual(
    rows('logs', body).map(({ row }) => [row.service_name, row.schema_url]),
    [
      ['five', 'https://r'],
      ['unknown', null],
      ['five', 'https://r'],
    ],
  )
})

test('a message without payloads, or without rows, is an empty request', () => {
  const decoder = createOtapDecoder('logs')
  assert.deepEqual(decoder.decode(message(-7n)), { batchId: -7n, body: new Uint8Array(0) })
  assert.equal(decoder.decode(new Producer().message({ LOGS: [timestamp('time_unix_nano', [])] })).body.length, 0)
})

test('attributes that belong to no record are left out', () => {
  const { body } = createOtapDecoder('logs').decode(
    new Producer().message({ LOGS: [timestamp('time_unix_nano', [1n])], LOG_ATTRS: logAttributes }),
  )
  assert.deepEqual(
    rows('logs', body),
    expected('logs', { resourceLogs: [{ scopeLogs: [{ logRecords: [{ timeUnixNano: '1' }] }] }] }),
  )
})

test('what cannot be decoded is a bad request that names the payload and the column', () => {
  const time = timestamp('time_unix_nano', [1n])
  const make = (payloads: object) => new Producer().message(payloads)
  const key = utf8('key', ['k'])
  const cases: [Uint8Array, string][] = [
    [make({ LOGS: [utf8('body', ['x'])] }), 'column time_unix_nano is missing'],
    [make({ LOGS: [time, utf8('flags', ['x'])] }), 'column flags is of the type utf8, not uint32'],
    [make({ LOGS: [time, utf8('body', ['x'])] }), 'column body is of the type utf8, not struct'],
    [make({ LOG_ATTRS: logAttributes }), 'the payload LOGS is missing'],
    [make({ LOGS: [time], SPAN_ATTRS: logAttributes }), 'payload type 41 has no place in a stream of logs'],
    [make({ LOGS: [time], LOG_ATTRS: [u16('parent_id', [0]), key] }), 'column type is missing'],
    [
      make({ LOGS: [time, u16('id', [0])], LOG_ATTRS: [u16('parent_id', [0]), u8('type', [8]), key] }),
      'column type is 8, which is no type of a value',
    ],
    [
      make({
        LOGS: [time, u16('id', [0])],
        LOG_ATTRS: [u16('parent_id', [0]), u8('type', [6]), key, binary('ser', [Uint8Array.of(0x9f)])],
      }),
      'a CBOR value ends too early',
    ],
    [message(0n, payload('s', 30, new Uint8Array(3))), 'payload LOGS: a length or an offset in it is wrong'],
    [message(0n, payload('s', 30, new Uint8Array(8))), 'payload LOGS: byte 0 begins no message'],
    [message(0n, payload('s', 25, new Uint8Array(8))), 'payload type 25 has no place in a stream of logs'],
    [Uint8Array.of(0x08, 0, 0x12, 5), 'the message ends inside of a field'],
    [Uint8Array.of(0x08, 0, 0x13), 'field 2 has the unknown wire type 3'],
  ]
  for (const [bytes, expected] of cases)
    assert.equal(failure('logs', bytes), `bad_request: OTAP message 0: ${expected}`)
})

test('two payloads of one type are refused, since neither could be named', () => {
  const one = new Producer().message({ LOGS: [timestamp('time_unix_nano', [1n])] })
  const part = one.subarray(2)
  assert.match(failure('logs', Buffer.concat([one, part])), /two payloads of the type LOGS/)
})

test('the id of a message can be told even where the message cannot be read', () => {
  assert.equal(batchIdOf(message(9n)), 9n)
  assert.equal(batchIdOf(Uint8Array.of(0x08, 5, 0x12, 99)), 5n)
  assert.equal(batchIdOf(Uint8Array.of(0xff)), 0n)
  assert.match(failure('logs', message(9n, payload('s', 99, new Uint8Array(0)))), /OTAP message 9: payload type 99/)
})

test('a small message whose dictionaries would make a huge request is refused at the limit', () => {
  const rowCount = 3000
  const ones = Array.from({ length: rowCount }, () => 1n)
  const large = 'x'.repeat(10_000)
  const bytes = new Producer().message({
    LOGS: [
      timestamp('time_unix_nano', ones),
      struct('body', [
        u8(
          'type',
          ones.map(() => 1),
        ),
        words().column(
          'str',
          ones.map(() => large),
        ),
      ]),
    ],
  })
  assert.ok(bytes.length < 100_000)
  assert.match(failure('logs', bytes, { maxMessageBytes: 1_000_000 }), /^body_too_large: .*1000000 bytes/)
})

test('buffers that inflate beyond the limit are refused, in all of a message together', () => {
  const text = utf8('str', ['x'.repeat(50_000)])
  const bytes = new Producer('lz4').message({
    LOGS: [timestamp('time_unix_nano', [1n]), struct('body', [u8('type', [1]), text])],
    LOG_ATTRS: [u16('parent_id', [0]), u8('type', [1]), utf8('key', ['k']), text],
  })
  assert.ok(bytes.length < 10_000)
  const limit = 'the buffers of the message inflate to more than 60000 bytes'
  assert.equal(failure('logs', bytes, { maxMessageBytes: 60_000 }), `body_too_large: ${limit}`)
  assert.equal(failure('logs', bytes, { maxMessageBytes: 120_000 }), 'none')
})

test('dictionaries that grow from message to message are refused at the limit', () => {
  const producer = new Producer()
  const text = words()
  const decoder = createOtapDecoder('logs', { maxDictionaryBytes: 100_000 })
  const send = (k: number) =>
    decoder.decode(
      producer.message({
        LOGS: [
          timestamp('time_unix_nano', [1n]),
          struct('body', [u8('type', [1]), text.column('str', [String(k).repeat(10_000)])]),
        ],
      }),
    )
  for (let k = 0; k < 4; k++) send(k)
  assert.throws(() => {
    for (let k = 4; k < 10; k++) send(k)
  }, /the dictionaries of the stream hold \d+ bytes, at most 100000/)
})
