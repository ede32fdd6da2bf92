import { Agent } from 'node:http'
import { type ClientHttp2Session, connect } from 'node:http2'
import { test } from 'node:test'
import { overEachStore } from '../support/stores.ts'
import { grpcCase, otapCase, sendGrpc, sendOtap } from './otlp-gateway.grpc.ts'
import { httpCase, sendHttp } from './otlp-gateway.http.ts'
import { rawCase, sendRaw } from './otlp-gateway.raw.ts'
import { type Client, fuzzGateway, seed } from './otlp-gateway.rounds.ts'
import { corpusOf } from './otlp-requests.corpus.ts'

/**
 * Damaged requests against a gateway in a process of its own. Each case has a number from which it is made, and as a
 * rule a stream of its own; the tables must hold what the answers said, and nothing else.
 */

// a process and a disk stand behind each: the decoders alone are for the long runs
const mostRuns = Math.min(100_000, Number(process.env.MILLRACE_FUZZ_RUNS ?? 1000))
const corpora = { logs: corpusOf('logs', seed), traces: corpusOf('traces', seed), metrics: corpusOf('metrics', seed) }
const label = `MILLRACE_FUZZ_SEED=${seed}`

function overHttp2(url: string, run: (session: ClientHttp2Session) => Client['run']): Client {
  const session = connect(url)
  // calls of a lost connection tell of it
  session.on('error', () => {})
  return { run: run(session), close: () => session.destroy() }
}

overEachStore(over => {
  // the decoders are the same over both
  const runs = over === 'sqlite' ? mostRuns : Math.ceil(mostRuns / 5)

  test(`over HTTP every answer is 200, 400, 413 or 415, and the tables hold what the 200s said (${label})`, async t => {
    const tally = await fuzzGateway(over, runs, ({ url }) => {
      const agent = new Agent({ keepAlive: true })
      return {
        run: (stream, rnd) => sendHttp(url, agent, stream, httpCase(rnd, corpora)),
        close: () => agent.destroy(),
      }
    })
    t.diagnostic(tally)
  })

  test(`over gRPC every status fits what was sent, and the tables hold what the OKs said (${label})`, async t => {
    const tally = await fuzzGateway(over, runs, ({ grpcUrl }) =>
      overHttp2(grpcUrl, session => (stream, rnd) => sendGrpc(session, stream, grpcCase(rnd, corpora))),
    )
    t.diagnostic(tally)
  })

  test(`over OTAP each message has a status, and the tables hold those that were OK (${label})`, async t => {
    const tally = await fuzzGateway(over, Math.ceil(runs / 5), ({ grpcUrl }) =>
      overHttp2(grpcUrl, session => (stream, rnd) => sendOtap(session, stream, otapCase(rnd))),
    )
    t.diagnostic(tally)
  })

  test(`HTTP whose head is damaged, or lies about its length, ends below 500 and stores only what a 200 told of (${label})`, async t => {
    // some of them wait for a while
    const tally = await fuzzGateway(over, Math.min(20_000, Math.ceil(runs / 4)), ({ url }) => ({
      run: (stream, rnd) => sendRaw(url, stream, rawCase(rnd, corpora)),
      close: () => {},
    }))
    t.diagnostic(tally)
  })
})
