import { rowsOf } from '../../../core/otlp/rows.ts'
import { recordPayload } from '../records.ts'
import type { AppendRequest, StoredEvent } from '../store.ts'

const textOf = (digest: Uint8Array) => Array.from(digest).join()

/** Rows of OpenTelemetry of the store in memory, as `readStream` gives them, and the requests that they came in. */
export function createRecords(promote: readonly string[]) {
  let rows: (StoredEvent & { stream_id: number })[] = []
  let requests: { stream_id: number; stream_index: number; positions: number; digest: string }[] = []
  let lastId = 0

  return {
    store(stream_id: number, base: number, { records, digest, receivedAt }: AppendRequest): void {
      for (const { table, at, row } of rowsOf(records!, promote))
        rows.push({
          stream_id,
          stream_index: base + at,
          received_at: receivedAt,
          event_id: ++lastId,
          payload: recordPayload(table, Object.keys(row), Object.values(row)),
        })
      if (digest !== undefined)
        requests.push({ stream_id, stream_index: base, positions: records!.count, digest: textOf(digest) })
    },
    /** True where this very request was stored at its offset. */
    isStored: (stream_id: number, { offset, records, digest }: AppendRequest) =>
      requests.some(
        request =>
          request.stream_id === stream_id &&
          request.stream_index === offset &&
          request.positions === records!.count &&
          digest !== undefined &&
          request.digest === textOf(digest),
      ),
    all: () => rows,
    forget(stream_id: number): void {
      rows = rows.filter(row => row.stream_id !== stream_id)
      requests = requests.filter(request => request.stream_id !== stream_id)
    },
  }
}
