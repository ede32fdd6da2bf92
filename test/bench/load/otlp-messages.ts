import * as arrow from 'apache-arrow'
import {
  bool,
  Dictionary,
  f64,
  fixed,
  i32,
  i64,
  Producer,
  struct,
  timestamp,
  u8,
  u16,
  u32,
  utf8,
} from '../../../core/otlp/otap/otap.suite.ts'
import { requestType } from '../../support/otlp.ts'
import { otlpRequest } from './otlp.ts'
import type { OtlpBody } from './otlp-bodies.ts'

/** The logs of `otlpRequest` as two messages of one OTAP stream: with schemas and dictionaries, and without. */
export function otapLogs(records: number, seed: number): [first: OtlpBody, later: OtlpBody] {
  const type = requestType('logs')
  const request = type.toObject(type.decode(otlpRequest('logs', records, seed)), {
    longs: String,
  }) as unknown as Request
  const { resource, scopeLogs } = request.resourceLogs[0]!
  const logs = scopeLogs[0]!.logRecords
  const producer = new Producer()
  const texts = new Map<string, Dictionary>()
  const dictionary = (name: string, values: readonly unknown[]) => {
    const known = texts.get(name) ?? new Dictionary(new arrow.Utf8(), new arrow.Uint16())
    texts.set(name, known)
    return known.column(name.split(' ').at(-1)!, values)
  }
  const attributes = (of: string, lists: readonly KeyValue[][]) => {
    const pairs = lists.flatMap((list, parent) => list.map(pair => ({ parent, ...pair })))
    const values = pairs.map(({ value }) => value)
    return [
      u16(
        'parent_id',
        pairs.map(({ parent }) => parent),
        'plain',
      ),
      dictionary(
        `${of} key`,
        pairs.map(({ key }) => key),
      ),
      u8('type', values.map(typeOf)),
      dictionary(
        `${of} str`,
        values.map(value => value.stringValue ?? null),
      ),
      i64(
        'int',
        values.map(value => (value.intValue === undefined ? null : BigInt(value.intValue))),
      ),
      f64(
        'double',
        values.map(value => value.doubleValue ?? null),
      ),
      bool(
        'bool',
        values.map(value => value.boolValue ?? null),
      ),
    ]
  }
  const zeros = logs.map(() => 0)
  const message = () =>
    producer.message({
      LOGS: [
        u16(
          'id',
          logs.map((_, index) => index),
          'plain',
        ),
        struct('resource', [u16('id', zeros, 'plain')]),
        struct('scope', [
          u16('id', zeros, 'plain'),
          dictionary(
            'scope name',
            logs.map(() => scopeLogs[0]!.scope.name),
          ),
          dictionary(
            'scope version',
            logs.map(() => scopeLogs[0]!.scope.version),
          ),
        ]),
        timestamp(
          'time_unix_nano',
          logs.map(log => BigInt(log.timeUnixNano)),
        ),
        timestamp(
          'observed_time_unix_nano',
          logs.map(log => BigInt(log.observedTimeUnixNano)),
        ),
        fixed(
          'trace_id',
          16,
          logs.map(log => log.traceId),
        ),
        fixed(
          'span_id',
          8,
          logs.map(log => log.spanId),
        ),
        i32(
          'severity_number',
          logs.map(log => log.severityNumber),
        ),
        dictionary(
          'log severity_text',
          logs.map(log => log.severityText),
        ),
        struct('body', [
          u8(
            'type',
            logs.map(() => valueType.str),
          ),
          utf8(
            'str',
            logs.map(log => log.body.stringValue!),
          ),
        ]),
        u32(
          'flags',
          logs.map(log => log.flags),
        ),
      ],
      RESOURCE_ATTRS: attributes('resource', [resource.attributes]),
      LOG_ATTRS: attributes(
        'log',
        logs.map(log => log.attributes),
      ),
    })
  const spotsOf = (bytes: Buffer) => {
    // ids of a column stand one behind the other
    const from = bytes.indexOf(logs[0]!.traceId)
    return logs.map((_, index) => from + 16 * index)
  }
  const body = (): OtlpBody => {
    const bytes = Buffer.from(message())
    return { bytes, spots: spotsOf(bytes), hex: false }
  }
  return [body(), body()]
}

const valueType = { str: 1, int: 2, double: 3, bool: 4 }

function typeOf(value: AnyValue): number {
  if (value.stringValue !== undefined) return valueType.str
  if (value.intValue !== undefined) return valueType.int
  return value.doubleValue === undefined ? valueType.bool : valueType.double
}

interface AnyValue {
  stringValue?: string
  intValue?: string
  doubleValue?: number
  boolValue?: boolean
}
interface KeyValue {
  key: string
  value: AnyValue
}
interface Request {
  resourceLogs: {
    resource: { attributes: KeyValue[] }
    scopeLogs: { scope: { name: string; version: string }; logRecords: LogRecord[] }[]
  }[]
}
interface LogRecord {
  timeUnixNano: string
  observedTimeUnixNano: string
  severityNumber: number
  severityText: string
  body: AnyValue
  attributes: KeyValue[]
  traceId: Uint8Array
  spanId: Uint8Array
  flags: number
}
