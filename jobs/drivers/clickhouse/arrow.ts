import { type RecordBatch, RecordBatchReader, RecordBatchStreamWriter, type Schema } from 'apache-arrow'
import { batchOf, emptyBatch } from '../../runtime/batch/build.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { exceptionIn } from './failures.ts'

/**
 * Arrow's stream: messages `FFFFFFFF, length of metadata, metadata, body`, first the schema, then batches, and
 * `FFFFFFFF 00000000` at the end. A server that fails in the middle has said 200 by then and writes the exception behind
 * what it has sent, so that only a stream with its end is whole.
 */
const endBytes = 8
const tailBytes = 32 * 1024

export interface Decoded {
  schema: Schema
  batches: RecordBatch[]
}

/** Settings of an answer that `decode` reads. */
export const arrowSettings = {
  output_format_arrow_compression_method: 'none',
  output_format_arrow_low_cardinality_as_dictionary: 0,
  output_format_arrow_string_as_string: 1,
  output_format_arrow_fixed_string_as_fixed_byte_array: 1,
  // within the text of a JSON column
  output_format_json_quote_64bit_integers: 0,
} as const

/** Throws what the server wrote into the answer, or `unavailable` where it is cut off. */
export function decode(bytes: Uint8Array): Decoded {
  if (!isWhole(bytes)) {
    const tail = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).subarray(-tailBytes)
    throw exceptionIn(tail.toString()) ?? new PipelineError('unavailable', 'the answer is cut off')
  }
  const reader = RecordBatchReader.from(bytes).open()
  const { schema } = reader
  return { schema, batches: [...reader].filter(batch => batch.numRows > 0) }
}

function isWhole(bytes: Uint8Array): boolean {
  if (bytes.length < endBytes) return false
  const end = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - endBytes, endBytes)
  return end.getUint32(0, true) === 0xffffffff && end.getUint32(4, true) === 0
}

export interface Encoder {
  /** comes first */
  head: Uint8Array
  /** a batch of the schema */
  message(batch: RecordBatch): Uint8Array
  /** comes last */
  end: Uint8Array
}

/** Batches as the parts of one stream. */
export function createEncoder(schema: Schema): Encoder {
  const write = (batch: RecordBatch) => RecordBatchStreamWriter.writeAll([batch]).toUint8Array(true)
  const empty = write(emptyBatch(schema))
  const headBytes = lengthOfSchema(empty)
  return {
    head: empty.subarray(0, headBytes),
    // the batch's own schema may say less of its columns
    message: batch => write(batchOf(schema, batch.data.children, batch.numRows)).subarray(headBytes, -endBytes),
    end: empty.subarray(-endBytes),
  }
}

function lengthOfSchema(stream: Uint8Array): number {
  return 8 + new DataView(stream.buffer, stream.byteOffset).getInt32(4, true)
}
