import type { SourceFile } from '../place.ts'
import { openBytes } from './bytes.ts'

/** Bytes at the start of a file that are looked at, to find its columns. */
const sampleBytes = 4 * 1024 * 1024
const partBytes = 64 * 1024

/** The first bytes of a file. */
export async function beginningOf(file: SourceFile, bytes = sampleBytes): Promise<Buffer> {
  const reader = await openBytes(file, { until: bytes })
  try {
    const parts: Buffer[] = []
    for (let left = bytes; left > 0; ) {
      const part = Buffer.allocUnsafe(Math.min(left, partBytes))
      const read = await reader.read(part, 0)
      if (read === 0) break
      parts.push(part.subarray(0, read))
      left -= read
    }
    return Buffer.concat(parts)
  } finally {
    await reader.close()
  }
}

/** Bytes of the byte order mark that may stand at the start of a file. */
export const markLength = (bytes: Uint8Array): number =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
