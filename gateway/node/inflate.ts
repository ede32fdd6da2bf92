import { type Readable, Transform, type TransformCallback } from 'node:stream'
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
  type ZstdDecompress,
} from 'node:zlib'
import { AppError } from '../../core/errors.ts'
import type { Encoding } from '../exchange.ts'

const chunkSize = 64 * 1024

const decoders: Record<Encoding, () => NodeJS.ReadWriteStream & Readable> = {
  gzip: () => createGunzip({ chunkSize }),
  deflate: () => createInflate({ chunkSize }),
  br: () => createBrotliDecompress({ chunkSize }),
  zstd: () => new ZstdFrames(),
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

/**
 * Frames may stand one behind another (RFC 8878 section 3.1). Node's decoder goes on by itself where a chunk ends with a
 * frame; where the frame ends within, the decoder is at its end and leaves the rest, which a new one takes.
 */
class ZstdFrames extends Transform {
  private decoder = this.open()

  private open(): ZstdDecompress {
    const decoder = createZstdDecompress({ chunkSize })
    decoder.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) decoder.pause()
    })
    decoder.on('error', error => this.destroy(error))
    return decoder
  }

  override _transform(chunk: Buffer, encoding: BufferEncoding, done: TransformCallback): void {
    const { decoder } = this
    const before = decoder.bytesWritten
    decoder.write(chunk, error => {
      // the decoder's own event tells of it
      if (error) return undefined
      const used = decoder.bytesWritten - before
      if (used === chunk.length) return done()
      const next = () => {
        this.decoder = this.open()
        this._transform(chunk.subarray(used), encoding, done)
      }
      if (decoder.readableEnded) next()
      else decoder.once('end', next)
      return undefined
    })
  }

  override _flush(done: TransformCallback): void {
    this.decoder.once('end', () => done())
    this.decoder.end()
  }

  override _read(size: number): void {
    this.decoder.resume()
    super._read(size)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.decoder.destroy()
    done(error)
  }
}
