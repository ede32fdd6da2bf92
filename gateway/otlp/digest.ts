import type { Signal } from '../../core/otlp/records.ts'

/** enough of a SHA-256 to tell a retry from another request */
const hashBytes = 15
const numbers: Record<Signal, number> = { logs: 1, traces: 2, metrics: 3 }

/** What `AppendRequest.digest` is for OpenTelemetry data: the same bytes are another request as another signal. */
export function requestDigest(
  sha256: (bytes: Uint8Array) => Uint8Array,
  signal: Signal,
  body: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const digest = new Uint8Array(hashBytes + 1)
  digest.set(sha256(body).subarray(0, hashBytes))
  digest[hashBytes] = numbers[signal]
  return digest
}
