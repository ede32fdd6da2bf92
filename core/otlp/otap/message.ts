/** One table of a message: a fragment of the Arrow IPC stream that has this id. */
export interface Payload {
  schemaId: string
  type: number
  record: Uint8Array
}

export interface BatchArrowRecords {
  batchId: bigint
  payloads: Payload[]
}

const decoder = new TextDecoder()

/**
 * `message BatchArrowRecords { int64 batch_id = 1; repeated ArrowPayload arrow_payloads = 2; bytes headers = 3 }`,
 * `message ArrowPayload { string schema_id = 1; ArrowPayloadType type = 2; bytes record = 3 }`. The headers are HPACK for
 * whoever passes the message on.
 *
 * @throws RangeError where the protobuf is broken
 */
export function readMessage(bytes: Uint8Array): BatchArrowRecords {
  const message: BatchArrowRecords = { batchId: 0n, payloads: [] }
  eachField(bytes, (field, value) => {
    if (field === 1 && typeof value === 'bigint') message.batchId = BigInt.asIntN(64, value)
    if (field === 2 && typeof value !== 'bigint') message.payloads.push(readPayload(value))
  })
  return message
}

/** The id that an answer needs, also to a message that cannot be read; 0 where there is none. */
export function batchIdOf(bytes: Uint8Array): bigint {
  let batchId = 0n
  try {
    eachField(bytes, (field, value) => {
      if (field === 1 && typeof value === 'bigint') batchId = BigInt.asIntN(64, value)
    })
  } catch (error) {
    // whoever decodes the message says what is wrong with it
    if (!(error instanceof RangeError)) throw error
  }
  return batchId
}

function readPayload(bytes: Uint8Array): Payload {
  const payload: Payload = { schemaId: '', type: 0, record: new Uint8Array(0) }
  eachField(bytes, (field, value) => {
    if (field === 1 && typeof value !== 'bigint') payload.schemaId = decoder.decode(value)
    if (field === 2 && typeof value === 'bigint') payload.type = Number(value)
    if (field === 3 && typeof value !== 'bigint') payload.record = value
  })
  return payload
}

/** Varints as bigint, everything with a length as a view; numbers of fixed width are skipped. */
function eachField(bytes: Uint8Array, visit: (field: number, value: bigint | Uint8Array) => void): void {
  let at = 0

  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++]
      if (byte === undefined) throw new RangeError('the message ends inside of a field')
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw new RangeError('a varint of more than 10 bytes')
  }

  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) throw new RangeError('the message ends inside of a field')
    at += length
    return bytes.subarray(at - length, at)
  }

  while (at < bytes.length) {
    const tag = Number(varint())
    const field = Math.floor(tag / 8)
    switch (tag % 8) {
      case 0:
        visit(field, varint())
        break
      case 1:
        take(8)
        break
      case 2:
        visit(field, take(Number(varint())))
        break
      case 5:
        take(4)
        break
      default:
        throw new RangeError(`field ${field} has the unknown wire type ${tag % 8}`)
    }
  }
}
