import { Readable } from 'node:stream'
import { crc32, createGunzip, createZstdDecompress } from 'node:zlib'
import { PipelineError } from '../../../runtime/errors.ts'
import { dataError, fileError } from '../errors.ts'
import type { RandomAccess, SourceFile } from '../place.ts'

/** What stands before a position: how many bytes, and their CRC-32. A file that was replaced has others there. */
export type Check = readonly [bytes: number, crc: number]

/** Bytes that a check covers, if there are so many. */
export const checkedBytes = 256

export function checkOf(bytes: Uint8Array): Check {
  const last = bytes.subarray(Math.max(0, bytes.length - checkedBytes))
  return [last.length, crc32(last)]
}

export interface ByteReader {
  /** the bytes before the position that the check covers */
  before: Buffer
  /** Reads into `buffer` from `offset` on; 0: this is the end for now. */
  read(buffer: Buffer, offset: number): Promise<number>
  /** after the end: it is cut off in the middle of its compression, as while it is being written */
  readonly cut: boolean
  close(): Promise<void>
}

export type Compression = 'none' | 'gzip' | 'zstd'

export function compressionOf(path: string): Compression {
  if (/\.gz$/i.test(path)) return 'gzip'
  return /\.zstd?$/i.test(path) ? 'zstd' : 'none'
}

/**
 * The bytes of a file (inflated ones, where it is compressed) from `at` to `until`. Throws `bad_data` where the file
 * does not have, before `at`, what `check` says.
 */
export async function openBytes(
  file: SourceFile,
  {
    at = 0,
    check = [0, 0],
    until = Number.POSITIVE_INFINITY,
  }: { at?: number; check?: Check | undefined; until?: number | undefined },
): Promise<ByteReader> {
  const { name, path } = file
  const compression = compressionOf(path)
  const handle = await file.open()
  const reader =
    compression === 'none' ? plain(handle, name, at - check[0], until) : inflate(handle, name, compression, until)
  try {
    if (compression !== 'none') await skip(reader, at - check[0])
    const before = Buffer.alloc(check[0])
    let filled = 0
    while (filled < before.length) {
      const read = await reader.read(before, filled)
      if (read === 0) break
      filled += read
    }
    if (filled < before.length)
      throw dataError(name, `ends before byte ${at}, up to which it was read: it was cut off or replaced`)
    if (crc32(before) !== check[1])
      throw dataError(name, `has other bytes before byte ${at} than when it was read: it was replaced`)
    return Object.assign(reader, { before })
  } catch (error) {
    await reader.close()
    throw error
  }
}

function plain(handle: RandomAccess, name: string, from: number, until: number): ByteReader {
  let position = from
  return {
    before: Buffer.alloc(0),
    cut: false,
    async read(buffer, offset) {
      const length = Math.min(buffer.length - offset, until - position)
      if (length <= 0) return 0
      try {
        const { bytesRead } = await handle.read(buffer, offset, length, position)
        position += bytesRead
        return bytesRead
      } catch (error) {
        throw fileError(name, error)
      }
    },
    close: () => handle.close(),
  }
}

const chunkBytes = 64 * 1024

async function* chunksOf(handle: RandomAccess): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const buffer = Buffer.allocUnsafe(chunkBytes)
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
    position += bytesRead
  }
}

function inflate(handle: RandomAccess, name: string, compression: 'gzip' | 'zstd', until: number): ByteReader {
  const file = Readable.from(chunksOf(handle), { objectMode: false, highWaterMark: chunkBytes })
  const inflater = compression === 'gzip' ? createGunzip() : createZstdDecompress()
  file.on('error', error => inflater.destroy(error))
  const chunks = file.pipe(inflater).iterator() as AsyncIterator<Buffer>
  let rest: Buffer = Buffer.alloc(0)
  let position = 0
  let cut = false
  return {
    before: Buffer.alloc(0),
    get cut() {
      return cut
    },
    async read(buffer, offset) {
      while (rest.length === 0 && !cut) {
        try {
          const { value, done } = await chunks.next()
          if (done) return 0
          rest = value
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException
          if (!isCut(error as Error))
            throw error instanceof PipelineError || (code?.startsWith('E') && !code.startsWith('ERR'))
              ? fileError(name, error)
              : dataError(name, `cannot be inflated: ${(error as Error).message}`)
          cut = true
        }
      }
      const bytes = rest.copy(buffer, offset, 0, Math.max(0, Math.min(rest.length, until - position)))
      rest = rest.subarray(bytes)
      position += bytes
      return bytes
    },
    async close() {
      file.destroy()
      inflater.destroy()
      await handle.close()
    },
  }
}

const isCut = (error: Error): boolean =>
  (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR' ||
  /unexpected end of file|incomplete|truncated/i.test(error.message)

async function skip(reader: ByteReader, bytes: number): Promise<void> {
  const scratch = Buffer.allocUnsafe(Math.min(1024 * 1024, Math.max(0, bytes)))
  for (let left = bytes; left > 0; ) {
    const read = await reader.read(scratch.subarray(0, Math.min(scratch.length, left)), 0)
    if (read === 0) return
    left -= read
  }
}
