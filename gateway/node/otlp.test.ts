import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../core/errors.ts'
import { message } from '../../core/otlp/otap/otap.suite.ts'
import { createRegistry } from '../../core/telemetry/registry.ts'
import { createAuth } from '../auth.ts'
import type { Ingest } from '../ingest.ts'
import { registerIngest } from '../metrics.ts'
import type { OtlpRequest } from '../otlp/intake.ts'
import type { BidiMethod, GrpcCall } from './grpc/contract.ts'
import { otlpServices } from './otlp.ts'

/** The statuses that three messages get, where the store has no room for the second; and what was taken. */
async function stream(metadata: Record<string, string>) {
  const taken: (number | undefined)[] = []
  let calls = 0
  const services = otlpServices({
    intake: {
      async take({ params }: OtlpRequest) {
        if (++calls === 2) throw new AppError('store_busy', 'no room')
        taken.push(params.offset)
        return { stream: 's', count: 1, positions: 1, rejected: 0, message: '' }
      },
    },
    auth: createAuth({ cors: [], noAuth: false, loopback: true, sha256: () => new Uint8Array(32) }),
    ingest: { stalled: () => undefined } as unknown as Ingest,
    metrics: registerIngest(createRegistry()),
    stopping: () => undefined,
    maxBodyBytes: 1 << 20,
    log: () => {},
  })
  const method = services['opentelemetry.proto.experimental.arrow.v1.ArrowLogsService']!.ArrowLogs as BidiMethod
  const call = {
    authority: '127.0.0.1',
    connection: { remoteAddr: '' },
    header: (name: string) => metadata[name],
    headers: () => Object.entries(metadata),
  } as unknown as GrpcCall
  const statuses: number[][] = []
  async function* messages() {
    for (const id of [1n, 2n, 3n]) yield message(id) as Uint8Array<ArrayBuffer>
  }
  await method.handle(call, messages(), async status => {
    statuses.push([...status.subarray(0, 4)])
  })
  return { taken, statuses }
}

const ok = (id: number) => [0x08, id]
const noRoom = (id: number) => [0x08, id, 0x10, 8]

test('an OTAP message that the store has no room for leaves its stream open', async () => {
  assert.deepEqual(await stream({}), { taken: [undefined, undefined], statuses: [ok(1), noRoom(2), ok(3)] })
})

test('with offsets it ends the stream, so that no later message takes its positions', async () => {
  const metadata = { 'millrace-stream': 's', 'millrace-epoch': '1', 'millrace-offset': '5' }
  assert.deepEqual(await stream(metadata), { taken: [5], statuses: [ok(1), noRoom(2)] })
})
