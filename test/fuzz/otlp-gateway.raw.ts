import assert from 'node:assert/strict'
import { connect } from 'node:net'
import type { Signal } from '../../core/otlp/records.ts'
import type { Told } from './otlp-gateway.stored.ts'
import { decodeBody } from './otlp-requests.check.ts'
import { type Corpus, signals } from './otlp-requests.corpus.ts'
import { below, damaged, pick, type Random } from './otlp-requests.damage.ts'

/** Whole HTTP requests as bytes of a connection, their heads damaged or their lengths a lie. */
export interface RawCase {
  bytes: Uint8Array
  /** what a reader of HTTP makes of the bytes: a request, the begin of one, or who knows */
  is: 'whole' | 'cut' | 'unclear'
  /** positions that it may take */
  most: number
}

export function rawCase(rnd: Random, corpora: Record<Signal, Corpus>): RawCase {
  const signal = pick(rnd, signals)
  const body = pick(rnd, corpora[signal].protobuf)
  const more = pick(rnd, [-3, 0, 0, 0, 1, 100])
  const length = `Content-Length: ${body.length + more}`
  const chunked = 'Transfer-Encoding: chunked'
  const lie = [chunked, `${length}\r\n${chunked}`, `${length}\r\nContent-Length: 3`, 'Content-Length: x']
  const lies = rnd() < 0.4
  const head = [
    `POST /v1/${signal} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Connection: close',
    'Content-Type: application/x-protobuf',
    lies ? pick(rnd, lie) : length,
    ...(rnd() < 0.1 ? ['Expect: 100-continue'] : []),
    ...(rnd() < 0.1 ? [`X-Large: ${'x'.repeat(below(rnd, 40_000))}`] : []),
  ]
  const bytes = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body])
  const records = decodeBody(signal, 'protobuf', body)
  const most = 'count' in records ? records.count : 0
  if (rnd() < 0.2) return { bytes: damaged(bytes, rnd, bytes, { protobuf: false }), is: 'unclear', most }
  return { bytes, is: lies || more < 0 ? 'unclear' : more > 0 ? 'cut' : 'whole', most }
}

/** Gives what a 200 says, or what may be stored without one. */
export async function sendRaw(url: string, stream: string, { bytes, is, most }: RawCase): Promise<Told | undefined> {
  const answer = (await exchange(url, bytes, is)).replace(/^HTTP\/1.1 100 Continue\r\n\r\n/, '')
  if (answer === '') {
    assert.notEqual(is, 'whole', 'a whole request has no answer')
    return is === 'cut' ? undefined : { stream, count: 0, unacknowledged: most }
  }
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1])
  assert.ok(status >= 200 && status < 500, answer)
  if (status !== 200) return undefined
  const key = decodeURIComponent(/\r\nmillrace-stream: (\S+)/i.exec(answer)![1]!)
  return { stream: key, count: Number(/\r\nmillrace-count: (\d+)/i.exec(answer)![1]) }
}

/** a gateway that says nothing for so long waits for more bytes, most likely */
const patienceMs = 100

/** What comes back until the gateway closes. One that waits for more is told that there is none. */
function exchange(url: string, bytes: Uint8Array, is: RawCase['is']): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise(resolve => {
    let text = ''
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true }, () => {
      socket.write(bytes)
      if (is === 'cut') socket.end()
      if (is === 'unclear') setTimeout(() => socket.end(), patienceMs)
    })
    socket.on('data', data => {
      text += data.toString('latin1')
    })
    socket.on('end', () => socket.end())
    // a reset; what came before it is the answer
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })
}
