import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, type Transform } from 'node:stream'
import { constants, createGzip, createZstdCompress } from 'node:zlib'
import type { Body } from './client.ts'
import type { Encoding } from './keys.ts'
import { lz4Blocks, lz4End, lz4Head } from './lz4.ts'

/** A body that is compressed as it is written, and can then be read any number of times; beyond `memory` bytes in a file. */
export interface Spool {
  write(bytes: Uint8Array): Promise<void>
  end(): Promise<Body>
  /** Frees what it holds, also in the middle. */
  clear(): Promise<void>
}

export interface SpoolOptions {
  encoding: Encoding
  level: number
  /** bytes */
  memory?: number
}

export function createSpool({ encoding, level, memory = 64 * 1024 * 1024 }: SpoolOptions): Spool {
  const chunks: Uint8Array[] = []
  let held = 0
  let size = 0
  let file: { path: string; handle: FileHandle } | undefined

  async function put(bytes: Uint8Array): Promise<void> {
    size += bytes.length
    if (file === undefined && held + bytes.length <= memory) {
      chunks.push(bytes)
      held += bytes.length
      return
    }
    if (file === undefined) {
      const path = join(tmpdir(), `millrace-${randomUUID()}.body`)
      file = { path, handle: await open(path, 'wx', 0o600) }
    }
    await file.handle.writeFile(bytes)
  }

  const encode = encoderOf(encoding, level, put)

  async function* read(): AsyncGenerator<Uint8Array> {
    yield* chunks
    if (file !== undefined) yield* createReadStream(file.path) as AsyncIterable<Buffer>
  }

  return {
    write: encode.write,
    async end() {
      await encode.end()
      return {
        size,
        encoding: encoding === 'none' ? undefined : encoding,
        open: () => (file === undefined ? Readable.from(chunks) : Readable.from(read())),
      }
    },
    async clear() {
      encode.destroy()
      chunks.length = 0
      const spilled = file
      file = undefined
      if (spilled === undefined) return
      await spilled.handle.close()
      await rm(spilled.path, { force: true })
    },
  }
}

interface Encode {
  write(bytes: Uint8Array): Promise<void>
  end(): Promise<void>
  destroy(): void
}

function encoderOf(encoding: Encoding, level: number, put: (bytes: Uint8Array) => Promise<void>): Encode {
  if (encoding === 'none') return { write: put, async end() {}, destroy() {} }
  if (encoding === 'lz4') return lz4(put)
  const stream =
    encoding === 'gzip'
      ? createGzip({ level: Math.min(level, 9) })
      : createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: Math.max(level, 1) } })
  return throughStream(stream, put)
}

function throughStream(stream: Transform, put: (bytes: Uint8Array) => Promise<void>): Encode {
  const drained = (async () => {
    for await (const chunk of stream as AsyncIterable<Buffer>) await put(chunk)
  })()
  // told by `end`, which may not be asked any more
  drained.catch(() => {})
  return {
    write: bytes =>
      new Promise((resolve, reject) => {
        stream.write(bytes, error => (error ? reject(error) : resolve()))
      }),
    async end() {
      stream.end()
      await drained
    },
    destroy: () => void stream.destroy(),
  }
}

function lz4(put: (bytes: Uint8Array) => Promise<void>): Encode {
  let begun = false
  const begin = async () => {
    if (!begun) await put(lz4Head)
    begun = true
  }
  return {
    async write(bytes) {
      await begin()
      for (const block of lz4Blocks(bytes)) await put(block)
    },
    async end() {
      await begin()
      await put(lz4End)
    },
    destroy() {},
  }
}
