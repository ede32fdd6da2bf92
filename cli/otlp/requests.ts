import { jsonToOtlp, ndjsonToOtlp } from '../../core/otlp/json/json.ts'
import { decodeOtlp } from '../../core/otlp/protobuf/decode.ts'
import { Refusal } from '../../core/otlp/protobuf/wire.ts'
import type { DecodeOptions, Records, Signal } from '../../core/otlp/records.ts'
import { type Chunk, chunkBytes } from './chunks.ts'
import { cutRequest } from './cut.ts'

/** What a gateway takes in one POST, with the rows that it becomes. */
export interface OtlpRequest {
  signal: Signal
  format: Chunk['format']
  body: Uint8Array
  records: Records
}

/** A record that becomes no row. */
export interface RefusedRecord {
  /** of NDJSON */
  line: number | undefined
  /** position among the records of the line, else of the file */
  at: number
  message: string
}

/**
 * JSON becomes protobuf, which is cut where it is long. Where it has refused records it stays as it is, so that their
 * dead letters hold what was written. Equal chunks give equal requests: a repetition is known by their bytes.
 *
 * @throws AppError where the request as a whole is broken, which may be after some of them
 */
export function* requestsOf(chunk: Chunk, options: DecodeOptions, most = chunkBytes): Generator<OtlpRequest> {
  const { signal, format, body } = chunk
  if (format === 'protobuf') {
    yield* protobufRequests(signal, body, options, most)
    return
  }
  const converted = (format === 'json' ? jsonToOtlp : ndjsonToOtlp)(signal, body, options)
  if (converted.refused.length === 0) yield* protobufRequests(signal, converted.body, options, most)
  else {
    const records = decodeOtlp(signal, converted.body, { ...options, refused: converted.refused })
    yield { signal, format, body, records }
  }
}

function* protobufRequests(
  signal: Signal,
  body: Uint8Array,
  options: DecodeOptions,
  most: number,
): Generator<OtlpRequest> {
  try {
    for (const part of cutRequest(body, most))
      yield { signal, format: 'protobuf', body: part, records: decodeOtlp(signal, part, options) }
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown
    // the decoder names the byte, and what is wrong there
    decodeOtlp(signal, body, options)
    throw new Error(`the ${signal} request is broken: ${thrown.reason}`)
  }
}

export interface Judged {
  records: number
  refused: RefusedRecord[]
}

/** Decodes a chunk whose first record has the position `first` in its file. Throws as `requestsOf` does. */
export function judge(chunk: Chunk, options: DecodeOptions, first: number): Judged {
  const refused: RefusedRecord[] = []
  let records = 0
  for (const { records: decoded } of requestsOf(chunk, options)) {
    for (const { at, message } of decoded.dead) refused.push({ line: undefined, at: first + records + at, message })
    records += decoded.count
  }
  const byLine = chunk.format === 'ndjson' && refused.length > 0
  return { records, refused: byLine ? Array.from(refusedByLine(chunk, options)) : refused }
}

/** Decodes line by line, which is slower, to tell where they are. */
function* refusedByLine(
  { signal, format, body, line: first }: Chunk,
  options: DecodeOptions,
): Generator<RefusedRecord> {
  let start = 0
  for (let line = first; start < body.length; line++) {
    const newline = body.indexOf(0x0a, start)
    const end = newline < 0 ? body.length : newline + 1
    const text = body.subarray(start, end)
    start = end
    if (text.every(byte => byte <= 0x20)) continue
    // the decoder counts the lines of what it was given
    for (const { records } of requestsOf({ signal, format, body: text, line }, options))
      for (const { at, message } of records.dead)
        yield { line, at, message: message.replace(/^line 1 is broken/, 'the line is broken') }
  }
}
