import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { inflate } from '../../gateway/node/inflate.ts'

/** A file, which can be read several times; of a pipe there is a copy. */
export interface Source {
  /** as the user wrote it; `stdin` for stdin */
  name: string
  /** absolute */
  path: string
  /** as it lies there, perhaps compressed */
  size: number
  /** What it holds, inflated. `onBytes` is told how many bytes of the file were read. */
  read(onBytes?: (bytes: number) => void): AsyncIterable<Uint8Array>
}

export interface Sources {
  list: Source[]
  /** Removes the copies. */
  close(): Promise<void>
}

const chunkBytes = 1024 * 1024
const gzipMagic = 0x1f8b
const zstdMagic = 0x28b52ffd

/** Throws where a file does not exist or is a folder. */
export async function openSources(names: readonly string[], signal: AbortSignal): Promise<Sources> {
  let folder: string | undefined
  const close = async () => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
  const list: Source[] = []
  try {
    for (const name of names) {
      const found = name === '-' ? undefined : await statOf(name)
      let file = name
      if (!found?.isFile()) {
        folder ??= await mkdtemp(join(tmpdir(), 'millrace-otlp-'))
        file = join(folder, String(list.length))
        const pipe = name === '-' ? process.stdin : createReadStream(name)
        await pipeline(pipe, createWriteStream(file, { mode: 0o600 }), { signal })
      }
      const size = (await stat(file)).size
      const shown = name === '-' ? 'stdin' : name
      list.push({ name: shown, path: resolve(shown), size, read: onBytes => readFile(file, size, onBytes) })
    }
    return { list, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function statOf(name: string) {
  const found = await stat(name).catch(cause => {
    throw new Error(`read ${name}`, { cause })
  })
  if (found.isDirectory()) throw new Error(`read ${name}: it is a folder`)
  return found
}

async function* readFile(file: string, size: number, onBytes?: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  // what is added meanwhile is left out, so that each time the same is read
  if (size === 0) return
  const raw = createReadStream(file, { highWaterMark: chunkBytes, end: size - 1 })
  const encoding = await encodingOf(file)
  let told = 0
  try {
    for await (const chunk of encoding === undefined ? raw : inflate(raw, encoding)) {
      onBytes?.(raw.bytesRead - told)
      told = raw.bytesRead
      yield chunk as Uint8Array
    }
  } catch (error) {
    if (encoding === undefined || (error as NodeJS.ErrnoException).syscall !== undefined) throw error
    throw new Error(`the content is not valid ${encoding}`, { cause: error })
  } finally {
    raw.destroy()
  }
}

/** By the first bytes, whatever the name says. */
async function encodingOf(file: string): Promise<'gzip' | 'zstd' | undefined> {
  const handle = await open(file)
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    if (buffer.readUInt16BE(0) === gzipMagic) return 'gzip'
    return buffer.readUInt32BE(0) === zstdMagic ? 'zstd' : undefined
  } finally {
    await handle.close()
  }
}
