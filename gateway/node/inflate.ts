import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { AppError } from '../../core/errors.ts'
import type { Encoding } from '../exchange.ts'

const chunkSize = 64 * 1024

const decoders: Record<Encoding, () => NodeJS.ReadWriteStream & Readable> = {
  gzip: () => createGunzip({ chunkSize }),
  deflate: () => createInflate({ chunkSize }),
  br: () => createBrotliDecompress({ chunkSize }),
  zstd: () => createZstdDecompress({ chunkSize }),
}

/** The body as it was before its Content-Encoding; errors of the source go on to the result. */
export function inflate(source: Readable, encoding: Encoding): Readable {
  const decoder = decoders[encoding]()
  source.on('error', error => decoder.destroy(error))
  source.on('close', () => {
    if (!source.readableEnded) decoder.destroy()
  })
  source.pipe(decoder)
  return decoder
}

export function encodingError(encoding: Encoding, error: Error): AppError {
  return new AppError('bad_encoding', `the body is not valid ${encoding}: ${error.message}`, {}, error)
}
