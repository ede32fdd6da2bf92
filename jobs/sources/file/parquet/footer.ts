import { crc32 } from 'node:zlib'
import { fileError } from '../errors.ts'
import type { RandomAccess, SourceFile } from '../place.ts'
import type { Check } from '../text/bytes.ts'

/** Longer footers are checked at their end only. */
const mostBytes = 16 * 1024 * 1024
const tail = 8

/**
 * What tells a Parquet file from another of its name: its size, and the CRC-32 of its footer, which holds places and
 * statistics of all its parts. Undefined: the file does not end as one, perhaps because it is being written.
 */
export async function footerOf(file: SourceFile): Promise<Check | undefined> {
  const { name } = file
  let handle: RandomAccess | undefined
  try {
    handle = await file.open()
    const { size } = await handle.stat()
    if (size < 4 + tail) return undefined
    const end = await readAt(handle, size - tail, tail)
    const length = end.readUInt32LE(0)
    if (end.toString('latin1', 4) !== 'PAR1' || length > size - tail) return undefined
    const bytes = Math.min(length, mostBytes)
    return [size, crc32(await readAt(handle, size - tail - bytes, bytes))]
  } catch (error) {
    throw fileError(name, error)
  } finally {
    await handle?.close()
  }
}

/** The footer and what stands behind it, whole. The file ends as a Parquet file. */
export async function footerBytes(file: SourceFile): Promise<{ size: number; bytes: Buffer }> {
  const handle = await file.open()
  try {
    const { size } = await handle.stat()
    const length = (await readAt(handle, size - tail, tail)).readUInt32LE(0) + tail
    return { size, bytes: await readAt(handle, size - length, length) }
  } catch (error) {
    throw fileError(file.name, error)
  } finally {
    await handle.close()
  }
}

async function readAt(handle: RandomAccess, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer
}
