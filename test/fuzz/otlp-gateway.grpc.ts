import assert from 'node:assert/strict'
import type { ClientHttp2Session } from 'node:http2'
import * as zlib from 'node:zlib'
import { AppError } from '../../core/errors.ts'
import { createOtapDecoder } from '../../core/otlp/otap/decoder.ts'
import { decodeOtlp } from '../../core/otlp/protobuf/decode.ts'
import type { Records, Signal } from '../../core/otlp/records.ts'
import { createMessages } from '../integrity/kill/otlp/messages.ts'
import { frame, rawCall } from '../support/grpc.ts'
import { batchStatusOf, rejectedOf } from '../support/otlp-answers.ts'
import { arrowPath, exportPath } from '../support/otlp-grpc.ts'
import { limit } from './otlp-gateway.http.ts'
import { type Told, toldOf } from './otlp-gateway.stored.ts'
import { decodeBody } from './otlp-requests.check.ts'
import { type Corpus, signals } from './otlp-requests.corpus.ts'
import { below, damaged, pick, type Random } from './otlp-requests.damage.ts'

/** Calls over gRPC: damaged messages, and frames that lie about them. */

const ok = 0
const invalid = 3
const exhausted = 8
const unimplemented = 12
/** what the gRPC specification gives frames that are broken */
const internal = 13
const unavailable = 14

const codings = { gzip: zlib.gzipSync, deflate: zlib.deflateSync, zstd: zlib.zstdCompressSync }
const bomb = zlib.gzipSync(Buffer.alloc(64 * limit))

export interface GrpcCase {
  signal: Signal
  headers: Record<string, string>
  sent: Uint8Array
  expected: Records | AppError | number[]
}

export function grpcCase(rnd: Random, corpora: Record<Signal, Corpus>): GrpcCase {
  const signal = pick(rnd, signals)
  const { protobuf } = corpora[signal]
  const body = rnd() < 0.3 ? pick(rnd, protobuf) : damaged(pick(rnd, protobuf), rnd, pick(rnd, protobuf))
  const coding = pick(rnd, Object.keys(codings) as (keyof typeof codings)[])
  const packed = codings[coding](body)
  const given = { 'grpc-encoding': coding }
  const expected = decodeBody(signal, 'protobuf', body)
  const frames: Record<number, () => Omit<GrpcCase, 'signal'>> = {
    0: () => ({ headers: {}, sent: frame(packed, 1), expected: [internal] }),
    1: () => ({ headers: { 'grpc-encoding': 'snappy' }, sent: frame(body, 1), expected: [unimplemented] }),
    2: () => ({ headers: given, sent: frame(body, 1), expected: [internal] }),
    3: () => ({ headers: given, sent: frame(bomb, 1), expected: coding === 'gzip' ? [exhausted] : [internal] }),
    4: () => ({ headers: {}, sent: frame(body, 2 + below(rnd, 254)), expected: [internal] }),
    5: () => ({ headers: {}, sent: frame(body, 0, body.length + 1 + below(rnd, 100)), expected: [invalid, internal] }),
    6: () => ({ headers: {}, sent: frame(body, 0, limit + 1 + below(rnd, 2 ** 31)), expected: [exhausted] }),
    7: () => ({ headers: {}, sent: Buffer.concat([frame(body), frame(body)]), expected: [unimplemented, internal] }),
    8: () => ({
      headers: {},
      sent: frame(body).subarray(0, below(rnd, 5)),
      expected: [invalid, unimplemented, internal],
    }),
    9: () => ({ headers: given, sent: frame(body), expected }),
    10: () => ({ headers: given, sent: frame(packed, 1), expected }),
    11: () => ({ headers: given, sent: frame(packed, 1), expected }),
  }
  const make = frames[below(rnd, 24)] ?? (() => ({ headers: {}, sent: frame(body), expected }))
  return { signal, ...make() }
}

/** Sends it, and checks that the answer is what it must be. Gives what is to be in the stream. */
export async function sendGrpc(session: ClientHttp2Session, stream: string, one: GrpcCase): Promise<Told | undefined> {
  const { signal, sent, expected } = one
  const headers = { ...one.headers, 'millrace-stream': stream }
  const call = () => rawCall(session, exportPath(signal), [sent], headers)
  let answer = await call()
  // what requests hold together is bounded: a sender is to come back
  while (answer.trailers['grpc-status'] === String(unavailable)) answer = await call()
  const { trailers, messages } = answer
  const code = Number(trailers['grpc-status'])
  const text = `${code} ${trailers['grpc-message']}`
  if (Array.isArray(expected)) assert.ok(expected.includes(code), `${text}, where ${expected} was possible`)
  else if (expected instanceof AppError)
    assert.equal(code, expected.code === 'body_too_large' ? exhausted : invalid, `${text}, not ${expected.message}`)
  else assert.equal(code, ok, text)
  if (code !== ok) return undefined
  const records = expected as Records
  assert.equal(rejectedOf(signal, 'protobuf', messages[0]!), records.dead.length)
  return toldOf(stream, [records])
}

export interface OtapCase {
  signal: Signal
  sent: Uint8Array[]
  /** one for each message; an error is one that the message itself cannot be read for, and ends the stream */
  expected: (Records | AppError)[]
}

export function otapCase(rnd: Random): OtapCase {
  const signal = pick<Signal>(rnd, ['logs', 'traces'])
  const message = createMessages(`${signal}-fuzz`, pick(rnd, [null, 'lz4']))
  const whole = [0, 1, 2].map(message)
  const at = below(rnd, 4)
  const sent = whole.map((bytes, k) => (k === at ? damaged(bytes, rnd, pick(rnd, whole)) : bytes))
  const decoder = createOtapDecoder(signal)
  const expected: (Records | AppError)[] = []
  for (const bytes of sent)
    try {
      expected.push(decodeOtlp(signal, decoder.decode(bytes).body))
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      expected.push(error)
      break
    }
  return { signal, sent, expected }
}

/** The same for a stream of messages; gives the records of those that were taken. */
export async function sendOtap(session: ClientHttp2Session, stream: string, one: OtapCase): Promise<Told> {
  const { signal, sent, expected } = one
  const frames = sent.map(message => frame(message))
  const { trailers, messages } = await rawCall(session, arrowPath(signal), frames, { 'millrace-stream': stream })
  const statuses = messages.map(batchStatusOf)
  const told = JSON.stringify([trailers['grpc-status'], statuses.map(({ code, message }) => [code, message])])
  assert.deepEqual(
    statuses.map(({ code }) => code),
    expected.map(records => (records instanceof AppError ? invalid : ok)),
    told,
  )
  return toldOf(
    stream,
    expected.filter((records): records is Records => !(records instanceof AppError)),
  )
}
