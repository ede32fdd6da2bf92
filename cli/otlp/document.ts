import { createHash } from 'node:crypto'
import { zstdDecompressSync } from 'node:zlib'
import { createOtapDecoder, type OtapDecoder } from '../../core/otlp/otap/decoder.ts'
import type { Signal } from '../../core/otlp/records.ts'
import { type Chunk, isNdjson, ndjsonChunks, readWhole } from './chunks.ts'
import { type Named, noSignal } from './names.ts'
import { signalOfJson, signalOfOtap } from './signals.ts'
import type { Source } from './source.ts'

/** The content of one file, which can be gone through several times. */
export interface Document {
  chunks(onBytes?: (bytes: number) => void): AsyncIterable<Chunk>
  /** SHA-256 of the inflated content, hex; once all chunks were read */
  digest(): string
}

/** OTAP files of one command continue each other, as the messages of a gRPC stream do. */
export interface OtapStreams {
  /** Throws an AppError where the message cannot be read; what comes then begins a new stream. */
  decode(signal: Signal, message: Uint8Array): Uint8Array
}

export function createOtapStreams(): OtapStreams {
  const decoders = new Map<Signal, OtapDecoder>()
  return {
    decode(signal, message) {
      const decoder = decoders.get(signal) ?? createOtapDecoder(signal, { zstd })
      decoders.delete(signal)
      const { body } = decoder.decode(message)
      decoders.set(signal, decoder)
      return body
    },
  }
}

const zstd = (bytes: Uint8Array, size: number): Uint8Array => zstdDecompressSync(bytes, { maxOutputLength: size })

export async function openDocument(source: Source, named: Named, otap: OtapStreams): Promise<Document> {
  const lines = named.format === 'ndjson' || (named.format === 'json' && (await isNdjson(source.read())))
  return lines ? linesDocument(source, named) : wholeDocument(source, named, otap)
}

function linesDocument(source: Source, { signal }: Named): Document {
  let digest = ''
  async function* hashed(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256')
    for await (const part of content) {
      hash.update(part)
      yield part
    }
    digest = hash.digest('hex')
  }
  return { chunks: onBytes => ndjsonChunks(hashed(source.read(onBytes)), signal), digest: () => digest }
}

/** Read once: an OTAP message must not be decoded twice. */
function wholeDocument(source: Source, named: Named, otap: OtapStreams): Document {
  let digest = ''
  let chunk: Chunk | undefined
  async function* chunks(onBytes?: (bytes: number) => void): AsyncGenerator<Chunk> {
    if (chunk === undefined) {
      // those who count bytes expect every file twice
      const content = await readWhole(source.read(bytes => onBytes?.(2 * bytes)))
      digest = createHash('sha256').update(content).digest('hex')
      chunk = chunkOf(content, named, otap)
    }
    yield chunk
  }
  return { chunks, digest: () => digest }
}

function chunkOf(content: Uint8Array, { format, signal: fallback }: Named, otap: OtapStreams): Chunk {
  const line = 1
  if (format === 'json')
    // without any of the keys it has no records, or whoever decodes it says why it is no JSON
    return { signal: signalOfJson(content) ?? fallback ?? 'logs', format, body: content, line }
  const signal = (format === 'otap' ? signalOfOtap(content) : undefined) ?? fallback
  if (signal === undefined) throw new Error(noSignal(format))
  return { signal, format: 'protobuf', body: format === 'otap' ? otap.decode(signal, content) : content, line }
}
