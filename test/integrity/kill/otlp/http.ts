import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { rejectedOf } from '../../../support/otlp-answers.ts'
import { type Lane, positionHeaders, type Send, Unknown } from './lane.ts'
import { planOf } from './plan.ts'
import { bodyOf, contentTypes, type Format } from './requests.ts'

const formats: Format[] = ['protobuf', 'protobuf', 'json', 'ndjson']
const codings = { gzip: gzipSync, zstd: zstdCompressSync }

/** @param stream of requests that have no offset; undefined: the one of their connection */
export function overHttp({ name, ports, rnd }: Lane, stream?: string): Send {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const bodies = new Map<number, { format: Format; body: Uint8Array }>()

  /** A request is sent again as it was, in whatever coding. */
  function bodyOfRequest(request: number): { format: Format; body: Uint8Array } {
    let made = bodies.get(request)
    if (made === undefined) {
      const format = formats[Math.floor(rnd() * formats.length)]!
      bodies.clear()
      bodies.set(request, (made = { format, body: bodyOf(name, request, format) }))
    }
    return made
  }

  return async (request, position) => {
    const { signal, records, bad } = planOf(name, request)
    const { format, body } = bodyOfRequest(request)
    const coding = rnd() < 0.2 ? 'gzip' : rnd() < 0.2 ? 'zstd' : undefined
    const headers = {
      'content-type': contentTypes[format],
      ...(coding === undefined ? {} : { 'content-encoding': coding }),
      ...(stream === undefined ? {} : { 'millrace-stream': stream }),
      ...(position === undefined ? {} : positionHeaders(name, position)),
    }
    const sent = coding === undefined ? body : codings[coding](body)
    const answer = await call(agent, { port: ports.http, path: `/v1/${signal}`, headers }, sent)
    if (answer.status !== 200)
      throw new Error(`${name} request ${request}: ${answer.status} ${answer.body.toString('latin1')}`)
    const rejected = rejectedOf(signal, format === 'protobuf' ? 'protobuf' : 'json', answer.body)
    // of a repetition nothing is refused anew
    if (rejected !== Number(bad >= 0) && rejected !== 0)
      throw new Error(`${name} request ${request}: ${rejected} records are said to be refused`)
    const count = Number(answer.headers['millrace-count'])
    if (position !== undefined && count !== position.offset + records)
      throw new Error(`${name} request ${request}: the count is ${count}, not ${position.offset + records}`)
  }
}

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

function call(agent: Agent, target: object, body: Uint8Array): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const unknown = (error: Error) => reject(new Unknown(error.message, { cause: error }))
    const options = { host: '127.0.0.1', method: 'POST', agent, timeout: 15_000, ...target }
    const made = httpRequest(options, async response => {
      try {
        const chunks = await response.toArray()
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) })
      } catch (error) {
        unknown(error as Error)
      }
    })
    made.on('error', unknown)
    made.on('timeout', () => made.destroy(new Error('no answer within 15 s')))
    made.end(body)
  })
}
