import { AppError } from '../../errors.ts'
import type { Signal } from '../records.ts'
import { Writer } from '../wire/writer.ts'
import type { Inflate } from './arrow/batch.ts'
import { type ArrowStream, createArrowStream } from './arrow/stream.ts'
import { writeLogs } from './logs.ts'
import { batchIdOf, type Payload, readMessage } from './message.ts'
import { writeMetrics } from './metrics.ts'
import { type PayloadName, payloadName } from './payloads.ts'
import { createTable, type Table } from './table.ts'
import { writeTraces } from './traces.ts'

export interface OtapOptions {
  /** bytes that the buffers of one message may inflate to, and bytes of the request it becomes; default 256 MiB */
  maxMessageBytes?: number
  /** bytes of dictionaries that a stream may keep for its later messages; default 64 MiB */
  maxDictionaryBytes?: number
  /** for buffers that are compressed with zstd; without it they are refused. LZ4 is always read */
  zstd?: Inflate
}

export interface OtapDecoder {
  /**
   * One BatchArrowRecords message as the OTLP `Export…ServiceRequest` that holds the same records, in protobuf. It is a
   * buffer of its own.
   *
   * @throws AppError `bad_request`, or `body_too_large` where it passes a limit. The stream cannot be read on after
   * that: what later messages build on may be missing
   */
  decode(message: Uint8Array): { batchId: bigint; body: Uint8Array<ArrayBuffer> }
}

const roots = { logs: 'LOGS', traces: 'SPANS', metrics: 'UNIVARIATE_METRICS' } as const
const writers: Record<Signal, (writer: Writer, tableOf: (name: PayloadName) => Table | null, root: Table) => void> = {
  logs: writeLogs,
  traces: writeTraces,
  metrics: writeMetrics,
}

/** Reads the messages of one gRPC stream, in their order: later ones build on the schemas and dictionaries of the first. */
export function createOtapDecoder(
  signal: Signal,
  { maxMessageBytes = 256 * 1024 * 1024, maxDictionaryBytes = 64 * 1024 * 1024, zstd }: OtapOptions = {},
): OtapDecoder {
  // a new schema id ends the stream that its payload type had before, as in both reference consumers
  const streams = new Map<PayloadName, { schemaId: string; stream: ArrowStream }>()
  let left = 0

  const reserve = (bytes: number): void => {
    left -= bytes
    if (left < 0) {
      throw new AppError('body_too_large', `the buffers of the message inflate to more than ${maxMessageBytes} bytes`)
    }
  }

  const streamOf = (name: PayloadName, schemaId: string): ArrowStream => {
    const known = streams.get(name)
    if (known?.schemaId === schemaId) return known.stream
    const stream = createArrowStream({ zstd, reserve })
    streams.set(name, { schemaId, stream })
    return stream
  }

  const checkDictionaries = (): void => {
    let kept = 0
    for (const { stream } of streams.values()) kept += stream.size()
    if (kept <= maxDictionaryBytes) return
    throw new AppError(
      'body_too_large',
      `the dictionaries of the stream hold ${kept} bytes, at most ${maxDictionaryBytes}`,
    )
  }

  const readTables = (payloads: Payload[]): Map<PayloadName, Table> => {
    const tables = new Map<PayloadName, Table>()
    for (const { schemaId, type, record } of payloads) {
      const name = payloadName(signal, type)
      if (name === null) throw new RangeError(`payload type ${type} has no place in a stream of ${signal}`)
      if (tables.has(name)) throw new RangeError(`two payloads of the type ${name}`)
      const batch = within(name, () => streamOf(name, schemaId).read(record))
      checkDictionaries()
      if (batch !== null) tables.set(name, createTable(name, batch))
    }
    return tables
  }

  const convert = (message: Uint8Array): { batchId: bigint; body: Uint8Array<ArrayBuffer> } => {
    left = maxMessageBytes
    const { batchId, payloads } = readMessage(message)
    const tables = readTables(payloads)
    const writer = new Writer(maxMessageBytes)
    const root = tables.get(roots[signal])
    if (root !== undefined) writers[signal](writer, name => tables.get(name) ?? null, root)
    else if (tables.size > 0) throw new RangeError(`the payload ${roots[signal]} is missing`)
    return { batchId, body: writer.finish() }
  }

  return {
    decode(message) {
      try {
        return convert(message)
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
        throw new AppError('bad_request', `OTAP message ${batchIdOf(message)}: ${reasonOf(error)}`, {}, error)
      }
    },
  }
}

function within<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new RangeError(`payload ${name}: ${reasonOf(error)}`, { cause: error })
  }
}

/** DataView knows only that something was read outside of it. */
function reasonOf({ message }: RangeError): string {
  return message.startsWith('Offset is outside') ? 'a length or an offset in it is wrong' : message
}
