import { Refusal, Wire } from '../../core/otlp/protobuf/wire.ts'
import type { Answer } from '../http/client.ts'
import type { Chunk } from './chunks.ts'
import type { Put } from './target.ts'

/** The `partial_success` of an `Export…ServiceResponse`, in the encoding of its request. */
export function partialSuccess(format: Chunk['format'], body: Uint8Array): Put {
  if (format === 'protobuf') {
    const partial = fieldsOf(body).get(1)
    const { rejected, message } = rejection(typeof partial === 'object' ? partial : new Uint8Array())
    return { rejected, message }
  }
  const { partialSuccess: partial } = JSON.parse(Buffer.from(body).toString()) as {
    partialSuccess?: Record<string, string>
  }
  const { errorMessage = '', ...counts } = partial ?? {}
  return { rejected: Number(Object.values(counts)[0] ?? 0), message: errorMessage }
}

/** `{ int64 rejected_… = 1; string error_message = 2 }` */
function rejection(bytes: Uint8Array): Put {
  const fields = fieldsOf(bytes)
  const rejected = fields.get(1)
  return { rejected: typeof rejected === 'number' ? rejected : 0, message: textOf(fields.get(2)) }
}

/** The message of a `google.rpc.Status { code = 1; message = 2 }`; undefined where the answer is none. */
export function statusMessage({ headers, body }: Answer): string | undefined {
  if (headers['content-type'] !== 'application/x-protobuf') return undefined
  return textOf(fieldsOf(body).get(2)) || undefined
}

const textOf = (field: Uint8Array | number | undefined) =>
  typeof field === 'object' ? Buffer.from(field).toString() : ''

/** Numbers and what has a length, by the number of the field; nothing behind bytes that are no protobuf. */
function fieldsOf(bytes: Uint8Array): Map<number, Uint8Array | number> {
  const fields = new Map<number, Uint8Array | number>()
  const wire = new Wire(bytes)
  const end = bytes.length
  try {
    while (wire.pos < end) {
      const tag = wire.tag(end)
      if ((tag & 7) === 0) {
        wire.varint(end)
        fields.set(tag >>> 3, wire.high * 2 ** 32 + wire.low)
      } else if ((tag & 7) === 2) {
        const to = wire.length(end)
        fields.set(tag >>> 3, bytes.subarray(wire.pos, to))
        wire.pos = to
      } else wire.skip(tag, end, 0)
    }
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown
  }
  return fields
}
