import { random } from '../events.ts'
import { overGrpc } from './grpc.ts'
import { overHttp } from './http.ts'
import { atLeastOnce, exactlyOnce, type Lane } from './lane.ts'
import { overOtap } from './otap.ts'

/**
 * A producer process of OpenTelemetry data over OTLP/HTTP, gRPC and OTAP, with a ledger of what it sent and what was
 * acknowledged. It goes on while the gateway is killed under it, and ends once it was told to finish and everything that
 * it sent is acknowledged.
 */

const [http, ledger, seed, grpc] = [
  Number(process.argv[2]),
  process.argv[3]!,
  Number(process.argv[4]),
  Number(process.argv[5]),
]
let finishing = false
process.on('message', message => {
  if (message === 'finish') finishing = true
})

let lanes = 0
function lane(kind: string): Lane {
  const k = lanes++
  return {
    name: `${kind}-${seed}-${k}`,
    rnd: random(seed * 100 + k),
    ports: { http, grpc },
    ledger,
    finishing: () => finishing,
  }
}

/** one stream for each, that a request without an offset is appended to */
const keyed = lane('any-least-http-keyed')
const own = lane('any-least-http')
const ownGrpc = lane('any-least-grpc')
const [http1, http2, grpc1, grpc2] = ['http', 'http', 'grpc', 'grpc'].map(kind => lane(`any-once-${kind}`)) as [
  Lane,
  Lane,
  Lane,
  Lane,
]
await Promise.all([
  exactlyOnce(http1, overHttp(http1)),
  exactlyOnce(http2, overHttp(http2)),
  exactlyOnce(grpc1, overGrpc(grpc1)),
  exactlyOnce(grpc2, overGrpc(grpc2, { gzip: true })),
  atLeastOnce(keyed, overHttp(keyed, keyed.name)),
  atLeastOnce(own, overHttp(own)),
  atLeastOnce(ownGrpc, overGrpc(ownGrpc)),
  overOtap(lane('logs-once-otap'), { exact: true }),
  overOtap(lane('traces-once-otap'), { exact: true }),
  overOtap(lane('logs-least-otap'), { exact: false }),
  overOtap(lane('traces-least-otap'), { exact: false }),
])
// sockets of the clients are still open
process.exit()
