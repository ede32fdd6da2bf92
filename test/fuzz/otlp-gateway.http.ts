import assert from 'node:assert/strict'
import { type Agent, type IncomingHttpHeaders, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import * as zlib from 'node:zlib'
import { AppError } from '../../core/errors.ts'
import type { Records, Signal } from '../../core/otlp/records.ts'
import { rejectedOf, rpcStatusOf } from '../support/otlp-answers.ts'
import { type Told, toldOf } from './otlp-gateway.stored.ts'
import { decodeBody, type Format } from './otlp-requests.check.ts'
import { type Corpus, signals } from './otlp-requests.corpus.ts'
import { below, damaged, pick, type Random } from './otlp-requests.damage.ts'
import { damagedJson, damagedLines } from './otlp-requests.json.ts'

/** Requests over HTTP: damaged bodies, wrong media types, codings that lie. */

export const limit = 1024 * 1024

const types: Record<Format, readonly string[]> = {
  protobuf: ['application/x-protobuf', 'application/protobuf', 'application/otlp', 'Application/X-Protobuf; v=1'],
  json: ['application/json', 'application/otlp+json', 'application/json; charset=utf-8'],
  ndjson: ['application/x-ndjson', 'application/jsonl'],
}
const noTypes = [
  '',
  'text/plain',
  'application/xml',
  'application/x-protobuf2',
  ';',
  'application/json application/otlp',
]
const codings = {
  gzip: [zlib.gzipSync, zlib.gunzipSync],
  deflate: [zlib.deflateSync, zlib.inflateSync],
  br: [(bytes: Uint8Array) => zlib.brotliCompressSync(bytes, fast), zlib.brotliDecompressSync],
  zstd: [zlib.zstdCompressSync, zlib.zstdDecompressSync],
} as const
const fast = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 2 } }
type Coding = keyof typeof codings
const names = Object.keys(codings) as Coding[]
const bomb = Buffer.alloc(64 * limit)
const bombs = new Map(names.map(name => [name, codings[name][0](bomb)]))

export interface HttpCase {
  signal: Signal
  type: string
  coding: string | undefined
  sent: Uint8Array
  /** what the gateway must make of it; a list of statuses where that is not known before it is inflated */
  expected: Records | AppError | number[]
  format: Format
}

export function httpCase(rnd: Random, corpora: Record<Signal, Corpus>): HttpCase {
  const signal = pick(rnd, signals)
  const { protobuf, json } = corpora[signal]
  const made = pick<Format>(rnd, ['protobuf', 'protobuf', 'json', 'ndjson'])
  const whole = rnd() < 0.3
  const body = {
    protobuf: () => (whole ? pick(rnd, protobuf) : damaged(pick(rnd, protobuf), rnd, pick(rnd, protobuf))),
    json: () => (whole ? Buffer.from(pick(rnd, json)) : damagedJson(pick(rnd, json), rnd, pick(rnd, json))),
    ndjson: () => damagedLines(json, rnd),
  }[made]()
  // what it is called is what it is read as
  const format = rnd() < 0.9 ? made : pick<Format>(rnd, ['protobuf', 'json', 'ndjson'])
  const request = { signal, format, type: pick(rnd, types[format]) }
  if (rnd() < 0.05) return { ...request, type: pick(rnd, noTypes), coding: undefined, sent: body, expected: [415] }
  const honest = (sent: Uint8Array, coding: string | undefined, of = sent): HttpCase => ({
    ...request,
    coding,
    sent,
    expected: decodeBody(signal, format, of),
  })
  const coding = pick(rnd, names)
  const [compress] = codings[coding]
  switch (below(rnd, 20)) {
    case 0:
      return { ...request, coding: pick(rnd, ['snappy', 'gzip, gzip', 'x', 'gzip;q=1']), sent: body, expected: [415] }
    case 1:
      return { ...request, coding, sent: body, expected: [200, 400, 413] }
    case 2:
      return honest(compress(body), 'identity')
    case 3:
      return {
        ...request,
        coding,
        sent: damaged(compress(body), rnd, body, { protobuf: false }),
        expected: [200, 400, 413],
      }
    case 4:
      return rnd() < 0.2
        ? { ...request, coding, sent: bombs.get(coding)!, expected: [413] }
        : { ...request, coding: undefined, sent: bomb.subarray(0, limit + 1 + below(rnd, 100)), expected: [413] }
    case 5:
    case 6:
    case 7:
      return honest(compress(body), coding, body)
    default:
      return honest(body, undefined)
  }
}

/** Sends it, and checks that the answer is what it must be. Gives what is to be in the stream. */
export async function sendHttp(url: string, agent: Agent, stream: string, one: HttpCase): Promise<Told | undefined> {
  const { status, headers, body } = await whenRoom(`${url}/v1/${one.signal}`, agent, one.sent, {
    ...(one.type === '' ? {} : { 'content-type': one.type }),
    ...(one.coding === undefined ? {} : { 'content-encoding': one.coding }),
    'millrace-stream': stream,
  })
  const { expected } = one
  const text = `${status} ${body.toString('latin1').slice(0, 300)}`
  if (Array.isArray(expected)) assert.ok(expected.includes(status), `${text}, where ${expected} was possible`)
  else if (expected instanceof AppError) assert.equal(status, expected.status, `${text}, not ${expected.message}`)
  else assert.equal(status, 200, text)

  const encoding = headers['content-type'] === 'application/x-protobuf' ? 'protobuf' : 'json'
  if (status !== 200) {
    const { message } =
      encoding === 'protobuf' ? rpcStatusOf(body) : (JSON.parse(body.toString()) as { message: string })
    assert.ok(message.length > 0, 'an error has no message')
    return undefined
  }
  assert.equal(encoding, one.format === 'protobuf' ? 'protobuf' : 'json')
  const records = Array.isArray(expected) ? inflated(one) : (expected as Records)
  assert.equal(rejectedOf(one.signal, encoding, body), records.dead.length)
  assert.equal(Number(headers['millrace-count']), records.count)
  return toldOf(stream, [records])
}

/** What a 200 to a coding that was said wrongly, or damaged, must be about. */
function inflated({ signal, format, coding, sent }: HttpCase): Records {
  const body = sent.length === 0 ? sent : codings[coding as Coding][1](sent)
  const records = decodeBody(signal, format, body)
  if (records instanceof AppError) throw new Error('a 200 to a body that is refused', { cause: records })
  return records
}

/** Bombs of several connections together pass what requests may hold: a sender is to come back. */
async function whenRoom(...request: Parameters<typeof post>): ReturnType<typeof post> {
  for (;;) {
    const answer = await post(...request)
    if (answer.status !== 503) return answer
    assert.match(answer.headers['retry-after'] ?? '', /^\d+$/)
    await sleep(10)
  }
}

function post(url: string, agent: Agent, body: Uint8Array, headers: Record<string, string>) {
  return new Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }>((resolve, reject) => {
    const call = request(url, { method: 'POST', agent, headers: { ...headers, 'content-length': body.length } })
    call.on('response', response => {
      response
        .toArray()
        .then(
          chunks => resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
          reject,
        )
    })
    call.on('error', reject)
    call.end(body)
  })
}
