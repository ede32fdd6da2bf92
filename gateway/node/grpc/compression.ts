import { promisify } from 'node:util'
import { gunzip, type InputType, inflate, type ZlibOptions, zstdDecompress } from 'node:zlib'
import { tooLarge } from './frames.ts'
import { GrpcError, grpcStatus } from './status.ts'

/** Message encodings (grpc/doc/compression.md); `deflate` is the zlib format, zstd what the Collector's exporters add. */
const decoders = { gzip: gunzip, deflate: inflate, zstd: zstdDecompress } as const

export type MessageEncoding = keyof typeof decoders
/** The Collector's Arrow exporter has a name of its own for each level of zstd; it sends `zstdarrow5` unless told else. */
const arrowZstd = /^zstdarrow\d{0,2}$/
export const acceptEncoding = ['identity', ...Object.keys(decoders)].join(',')

/** undefined for identity. Throws UNIMPLEMENTED for one that is not known. */
export function encodingOf(value: string | undefined): MessageEncoding | undefined {
  if (value === undefined || value === '' || value === 'identity') return undefined
  if (Object.hasOwn(decoders, value)) return value as MessageEncoding
  if (arrowZstd.test(value)) return 'zstd'
  throw new GrpcError(
    grpcStatus.unimplemented,
    `the grpc-encoding ${JSON.stringify(value)} is none of ${acceptEncoding.replaceAll(',', ', ')}`,
  )
}

type Decoder = (
  data: InputType,
  options: ZlibOptions,
  callback: (error: Error | null, result: { buffer: Buffer<ArrayBuffer>; engine: { bytesWritten: number } }) => void,
) => void

/** The message as it was. Rejects with a GrpcError where it is broken or passes `maxBytes`, having made no more than that. */
export async function decompress(
  encoding: MessageEncoding,
  data: Uint8Array,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunkSize = Math.min(Math.max(4 * data.length, 4096), 1024 * 1024)
  const { buffer, engine } = await run(encoding, data, { maxOutputLength: maxBytes, chunkSize, info: true })
  // a decoder stops at the end of its first frame: what is behind it must not vanish
  const left = data.length - engine.bytesWritten
  if (left > 0) throw broken(encoding, `${left} bytes stand behind its end`)
  return buffer
}

async function run(encoding: MessageEncoding, data: Uint8Array, options: ZlibOptions) {
  try {
    return await promisify(decoders[encoding] as unknown as Decoder)(data, options)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw tooLarge(undefined, options.maxOutputLength!)
    throw broken(encoding, (error as Error).message, error)
  }
}

const broken = (encoding: MessageEncoding, why: string, cause?: unknown) =>
  new GrpcError(grpcStatus.internal, `a message is not valid ${encoding}: ${why}`, [], cause)
