import { crc32, inflateRawSync, zstdDecompressSync } from 'node:zlib'
import { formatSize } from '../../../../core/units.ts'
import { dataError, fileError } from '../errors.ts'
import type { RandomAccess, SourceFile } from '../place.ts'
import { inflateSnappy } from './snappy.ts'

/**
 * Object container files (Avro 1.11 specification, "Object Container Files"):
 *
 *   file   = "Obj" 1, metadata (map of bytes), sync (16 random bytes), block*
 *   block  = rows (long), size (long), data of that size, sync
 */
export interface Container {
  /** JSON text */
  schema: string
  /** place of the first block */
  first: number
  /** of the sync marker: another file has another */
  check: number
  /** The block at `at`; undefined at the end; `cut` where the file ends inside of it. */
  block(at: number): Promise<Block | 'cut' | undefined>
  close(): Promise<void>
}

export interface Block {
  rows: number
  data: Buffer
  /** place after it */
  next: number
}

const syncBytes = 16
/** two longs */
const mostPrefix = 20
/** Inflated data of a block, which writers keep between 16 KiB and some MiB. */
const mostData = 1024 * 1024 * 1024

const codecs: Readonly<Record<string, (data: Buffer) => Uint8Array>> = {
  null: data => data,
  deflate: data => inflateRawSync(data, { maxOutputLength: mostData }),
  zstandard: data => zstdDecompressSync(data, { maxOutputLength: mostData }),
  // the last 4 bytes are the CRC-32 of the data
  snappy: data => {
    const inflated = inflateSnappy(data.subarray(0, -4))
    if (crc32(inflated) !== data.readUInt32BE(data.length - 4)) throw new Error('wrong CRC-32')
    return inflated
  },
}

/** Opens a file; undefined: its header is not there yet. */
export async function openContainer(file: SourceFile): Promise<Container | undefined> {
  const handle = await file.open()
  try {
    const header = await readHeader(handle, file.name)
    if (header === undefined) await handle.close()
    return header && { ...header, close: () => handle.close() }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function readHeader(handle: RandomAccess, name: string): Promise<Omit<Container, 'close'> | undefined> {
  const head = await readAt(handle, name, 0, 1024 * 1024)
  if (head.toString('latin1', 0, 4) !== 'Obj\x01'.slice(0, head.length))
    throw dataError(name, 'does not begin as an Avro file does')
  const meta = new Map<string, Buffer>()
  const cursor = { at: 4 }
  for (;;) {
    let entries = readLong(head, cursor)
    if (entries === undefined) return undefined
    if (entries === 0) break
    if (entries < 0) {
      entries = -entries
      readLong(head, cursor)
    }
    for (; entries > 0; entries--) {
      const key = readBytes(head, cursor)
      const value = readBytes(head, cursor)
      if (key === undefined || value === undefined) return undefined
      meta.set(key.toString(), value)
    }
  }
  const first = cursor.at + syncBytes
  if (head.length < first) return undefined
  const sync = head.subarray(cursor.at, first)
  const codec = meta.get('avro.codec')?.toString() ?? 'null'
  const inflate = Object.hasOwn(codecs, codec) ? codecs[codec] : undefined
  if (inflate === undefined)
    throw dataError(name, `has the codec ${JSON.stringify(codec)}: known are ${Object.keys(codecs).join(', ')}`)

  return {
    schema: meta.get('avro.schema')?.toString() ?? 'null',
    first,
    check: crc32(sync),
    async block(at) {
      const prefix = await readAt(handle, name, at, mostPrefix)
      if (prefix.length === 0) return undefined
      const place = { at: 0 }
      const rows = readLong(prefix, place)
      const size = readLong(prefix, place)
      if (rows === undefined || size === undefined) return 'cut'
      if (rows < 0 || size < 0 || size > mostData)
        throw dataError(name, `its block at byte ${at} claims ${rows} rows and ${formatSize(size)}: it is broken`)
      if (at + place.at + size + syncBytes > (await handle.stat()).size) return 'cut'
      const bytes = await readAt(handle, name, at + place.at, size + syncBytes)
      if (bytes.length < size + syncBytes) return 'cut'
      if (!bytes.subarray(size).equals(sync))
        throw dataError(name, `its block at byte ${at} does not end with the mark of the file`)
      try {
        return { rows, data: Buffer.from(inflate(bytes.subarray(0, size))), next: at + place.at + size + syncBytes }
      } catch (error) {
        throw dataError(name, `its block at byte ${at} cannot be inflated: ${(error as Error).message}`)
      }
    },
  }
}

async function readAt(handle: RandomAccess, name: string, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length)
  let filled = 0
  try {
    while (filled < length) {
      const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
  } catch (error) {
    throw fileError(name, error)
  }
  return buffer.subarray(0, filled)
}

/** A zigzag varint; undefined where the bytes end inside of it. Values above 2^53 lose digits, and are refused by size. */
function readLong(bytes: Buffer, cursor: { at: number }): number | undefined {
  let value = 0
  for (let factor = 1; factor <= 2 ** 63; factor *= 128) {
    const byte = bytes[cursor.at++]
    if (byte === undefined) return undefined
    value += (byte & 0x7f) * factor
    if (byte < 0x80) break
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}

function readBytes(bytes: Buffer, cursor: { at: number }): Buffer | undefined {
  const length = readLong(bytes, cursor)
  if (length === undefined || length < 0 || cursor.at + length > bytes.length) return undefined
  cursor.at += length
  return bytes.subarray(cursor.at - length, cursor.at)
}
