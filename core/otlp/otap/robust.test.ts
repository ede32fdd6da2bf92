import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import fc from 'fast-check'
import { AppError } from '../../errors.ts'
import { decodeOtlp } from '../protobuf/decode.ts'
import type { Signal } from '../records.ts'
import { createOtapDecoder } from './decoder.ts'
import * as make from './otap.suite.ts'

const numRuns = Number(process.env.MILLRACE_FUZZ_RUNS ?? 300)
const seed = Number(process.env.MILLRACE_FUZZ_SEED ?? Math.trunc(Math.random() * 2 ** 31))
const run = { numRuns, seed }
const open = (signal: Signal) =>
  createOtapDecoder(signal, {
    maxMessageBytes: 4 * 1024 * 1024,
    maxDictionaryBytes: 1024 * 1024,
    zstd: (bytes, size) => zstdDecompressSync(bytes, { maxOutputLength: size }),
  })

/** A dictionary for each column of a message, the same in the next one. */
class Texts {
  #dictionaries: make.Dictionary[] = []
  #next = 0

  restart(): this {
    this.#next = 0
    return this
  }

  column(name: string, values: readonly unknown[]): make.Column {
    const dictionary = (this.#dictionaries[this.#next++] ??= make.words())
    return dictionary.column(name, values)
  }
}

// two messages of each signal, with every table and kind of column, the second one building on the first
const three = <T>(value: T): T[] => [value, value, value]
const id = (length: number) => new Uint8Array(length).fill(7)
const attributes = (parentId: make.Column, text: Texts): make.Columns => [
  parentId,
  make.u8('type', [1, 2, 5]),
  text.column('key', ['a', 'b', 'c']),
  text.column('str', ['v', null, null]),
  make.i64('int', [null, 5n, null]),
  make.binary('ser', [null, null, Buffer.from('bf616101ff', 'hex')]),
]
const times = () => [
  make.u32('id', [0, 1, 1]),
  make.timestamp('start_time_unix_nano', three(1n)),
  make.timestamp('time_unix_nano', three(2n)),
]
const parents16 = () => make.u16('parent_id', [0, 1, 1])
const parents32 = () => make.u32('parent_id', [0, 1, 1])

function payloadsOf(signal: Signal, text: Texts): object {
  const root = [
    make.u16('id', [0, 1, 1]),
    make.struct('resource', [make.u16('id', [0, 0, 1]), text.column('schema_url', three('r'))]),
    make.struct('scope', [make.u16('id', [0, 0, 1]), text.column('name', ['s', 's', null])], [true, true, false]),
  ]
  const common = {
    RESOURCE_ATTRS: attributes(parents16(), text),
    SCOPE_ATTRS: attributes(parents16(), text),
  }
  if (signal === 'logs')
    return {
      ...common,
      LOGS: [
        ...root,
        make.timestamp('time_unix_nano', [1n, 2n, 3n]),
        make.fixed('trace_id', 16, three(id(16))),
        make.i32('severity_number', [9, null, 1]),
        make.struct('body', [
          make.u8('type', [1, 4, 3]),
          text.column('str', ['x', null, null]),
          make.bool('bool', three(true)),
        ]),
      ],
      LOG_ATTRS: attributes(parents16(), text),
    }
  const ids = [make.fixed('trace_id', 16, three(id(16))), make.fixed('span_id', 8, three(id(8)))]
  if (signal === 'traces')
    return {
      ...common,
      SPANS: [
        ...root,
        make.timestamp('start_time_unix_nano', [1n, 2n, 3n]),
        make.duration('duration_time_unix_nano', [1n, 2n, 3n]),
        ...ids,
        text.column('name', ['a', 'b', 'c']),
      ],
      SPAN_ATTRS: attributes(parents16(), text),
      SPAN_EVENTS: [make.u32('id', [0, 1, 1]), parents16(), text.column('name', ['a', 'a', 'b'])],
      SPAN_EVENT_ATTRS: attributes(parents32(), text),
      SPAN_LINKS: [make.u32('id', [0, 1, 1]), parents16(), ...ids],
      SPAN_LINK_ATTRS: attributes(parents32(), text),
    }
  const lists = three([1n, 2n])
  const points = () => [
    ...times(),
    make.u64('count', three(3n)),
    make.f64('sum', three(1.5)),
    make.u32('flags', three(1)),
  ]
  const inMetric = (metric: number) => make.u16('parent_id', [metric, 0, 0])
  return {
    ...common,
    UNIVARIATE_METRICS: [
      make.u16('id', [0, 1, 2, 3], 'plain'),
      make.u8('metric_type', [2, 3, 4, 5]),
      text.column('name', ['a', 'b', 'c', 'd']),
    ],
    METRIC_ATTRS: attributes(parents16(), text),
    NUMBER_DATA_POINTS: [
      ...times(),
      inMetric(0),
      make.i64('int_value', [1n, null, 3n]),
      make.f64('double_value', [null, 1, null]),
    ],
    NUMBER_DP_ATTRS: attributes(parents32(), text),
    NUMBER_DP_EXEMPLARS: [make.u32('id', [0, 1, 1]), parents32(), make.f64('double_value', [1, 1, 2]), ...ids],
    NUMBER_DP_EXEMPLAR_ATTRS: attributes(parents32(), text),
    HISTOGRAM_DATA_POINTS: [...points(), inMetric(1), make.list('bucket_counts', make.uint64, lists)],
    EXP_HISTOGRAM_DATA_POINTS: [
      ...points(),
      inMetric(2),
      make.struct('positive', [make.i32('offset', three(1)), make.list('bucket_counts', make.uint64, lists)]),
    ],
    SUMMARY_DATA_POINTS: [
      ...points(),
      inMetric(3),
      make.list('quantile', make.quantiles, three([{ quantile: 1, value: 2 }])),
    ],
  }
}

interface Edit {
  at: number
  kind: 'set' | 'flip' | 'cut' | 'repeat'
  value: number
}
const edits = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    kind: fc.constantFrom('set', 'flip', 'cut', 'repeat'),
    value: fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat({ max: 255 })),
  }) as fc.Arbitrary<Edit>,
  { minLength: 1, maxLength: 4 },
)

function damaged(whole: Uint8Array, list: Edit[]): Uint8Array {
  return list.reduce((bytes, { at, kind, value }) => {
    const k = Math.floor(at * bytes.length)
    if (kind === 'cut') return Buffer.concat([bytes.subarray(0, k), bytes.subarray(k + value)])
    if (kind === 'repeat') return Buffer.concat([bytes.subarray(0, k + value), bytes.subarray(k)])
    const copy = Uint8Array.from(bytes)
    if (k < copy.length) copy[k] = kind === 'set' ? value : copy[k]! ^ (1 << (value & 7))
    return copy
  }, whole)
}

describe(`damaged OTAP messages (reproduce with MILLRACE_FUZZ_RUNS=${numRuns} MILLRACE_FUZZ_SEED=${seed})`, () => {
  for (const signal of ['logs', 'traces', 'metrics'] as const)
    for (const compression of [null, 'lz4', 'zstd'] as const)
      test(`${signal} with ${compression ?? 'no'} compression: they are refused, or are requests that can be decoded`, () => {
        const producer = new make.Producer(compression)
        const text = new Texts()
        const first = producer.message(payloadsOf(signal, text.restart()))
        const second = producer.message(payloadsOf(signal, text.restart()))
        const whole = open(signal)
        for (const message of [first, second]) assert.ok(decodeOtlp(signal, whole.decode(message).body).count >= 3)
        fc.assert(
          fc.property(edits, fc.boolean(), (list, later) => {
            const decoder = open(signal)
            try {
              if (later) decoder.decode(first)
              const { body } = decoder.decode(damaged(later ? second : first, list))
              decodeOtlp(signal, body)
            } catch (error) {
              if (!(error instanceof AppError) || error.code === 'internal') throw error
            }
          }),
          run,
        )
      })
})
