import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2'
import type { TestContext } from 'node:test'
import { createLog, type LogRecord } from '../../core/telemetry/event.ts'
import type { GrpcServices } from '../../gateway/node/grpc/contract.ts'
import { createGrpcServer, type GrpcServer, type GrpcServerOptions } from '../../gateway/node/grpc/server.ts'

/** A gRPC server of a test, stopped at its end. */
export async function startGrpc(
  t: TestContext,
  services: GrpcServices,
  options: Partial<GrpcServerOptions> = {},
): Promise<{ port: number; server: GrpcServer; logged: LogRecord[] }> {
  const logged: LogRecord[] = []
  const log = createLog({ level: 'debug', write: record => logged.push(record) })
  const server = createGrpcServer({ services, log, ...options })
  const port = await server.listen('127.0.0.1', 0)
  t.after(() => server.stop(0))
  return { port, server, logged }
}

/** A bare HTTP/2 connection, for frames that no gRPC client sends. */
export function rawConnection(t: TestContext, port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  t.after(() => session.destroy())
  return session
}

export interface RawAnswer {
  /** of the response, or of a response that is trailers only */
  headers: IncomingHttpHeaders
  /** grpc-status and its kin, wherever they stood */
  trailers: IncomingHttpHeaders
  messages: Buffer[]
  /** of RST_STREAM; 0 for none */
  rstCode: number
}

export const grpcHeaders = (path: string, more: Record<string, string> = {}) => ({
  ':method': 'POST',
  ':path': path,
  'content-type': 'application/grpc',
  te: 'trailers',
  ...more,
})

/** Sends a call with these bytes as its body, and gathers what comes back until the stream is closed. */
export function rawCall(
  session: ClientHttp2Session,
  path: string,
  body: readonly Uint8Array[],
  headers: Record<string, string> = {},
): Promise<RawAnswer> {
  const stream = session.request(grpcHeaders(path, headers))
  for (const chunk of body) stream.write(chunk)
  stream.end()
  return answerOf(stream)
}

export function answerOf(stream: ClientHttp2Stream): Promise<RawAnswer> {
  return new Promise(resolve => {
    let headers: IncomingHttpHeaders = {}
    let trailers: IncomingHttpHeaders = {}
    const chunks: Buffer[] = []
    stream.on('response', given => {
      headers = given
    })
    stream.on('trailers', given => {
      trailers = given
    })
    stream.on('data', chunk => chunks.push(chunk))
    // a reset; the code is in the answer
    stream.on('error', () => {})
    stream.on('close', () =>
      resolve({
        headers,
        trailers: { ...headers, ...trailers },
        messages: split(Buffer.concat(chunks)),
        rstCode: stream.rstCode,
      }),
    )
  })
}

function split(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = []
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1)
    messages.push(bytes.subarray(at + 5, end))
    at = end
  }
  return messages
}

export function frame(message: Uint8Array | string, flag = 0, length?: number): Buffer {
  const data = Buffer.from(message)
  const head = Buffer.alloc(5)
  head[0] = flag
  head.writeUInt32BE(length ?? data.length, 1)
  return Buffer.concat([head, data])
}

/** Sends back what it gets. */
export const echo: GrpcServices = {
  'test.Echo': {
    Unary: { kind: 'unary', handle: async (_call, message) => message },
    Bidi: {
      kind: 'bidi',
      async handle(_call, messages, send) {
        for await (const message of messages) await send(message)
      },
    },
  },
}
