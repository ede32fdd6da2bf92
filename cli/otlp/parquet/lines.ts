import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { constants, createZstdCompress } from 'node:zlib'

/** Lines on their way to DuckDB: a compressed file, so that memory is bounded and the disk holds little more. */
export interface Lines {
  rows: number
  bytes: number
  /** bytes of the longest line */
  longest: number
  /** Resolves once there is room for more. */
  write(lines: readonly string[]): Promise<void>
  end(): Promise<void>
  /** Resolves once the file is closed. */
  destroy(): Promise<void>
}

export function createLines(file: string): Lines {
  const compress = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 1 } })
  const out = createWriteStream(file, { mode: 0o600 })
  compress.pipe(out)
  const done = Promise.all([finished(compress), finished(out)])
  // whoever writes or ends hears of it
  done.catch(() => {})
  out.on('error', error => compress.destroy(error))
  const lines: Lines = {
    rows: 0,
    bytes: 0,
    longest: 0,
    async write(text) {
      for (const line of text) {
        const bytes = Buffer.byteLength(line)
        lines.bytes += bytes
        lines.longest = Math.max(lines.longest, bytes)
      }
      lines.rows += text.length
      if (!compress.write(text.join(''))) await Promise.race([once(compress, 'drain'), done])
    },
    async end() {
      compress.end()
      await done
    },
    async destroy() {
      compress.destroy()
      out.destroy()
      if (!out.closed) await once(out, 'close')
    },
  }
  return lines
}
