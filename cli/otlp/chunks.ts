import type { Signal } from '../../core/otlp/records.ts'
import { signalOfJson } from './signals.ts'

/** A part of a file that is decoded at once. */
export interface Chunk {
  signal: Signal
  format: 'json' | 'ndjson' | 'protobuf'
  body: Uint8Array
  /** of NDJSON: the line of the file that it begins with, from 1 */
  line: number
}

/** bytes of one document or line: what one request to a gateway may have */
export const documentMost = 256 * 1024 * 1024
/** of lines that are decoded together, and of requests where they can be cut */
export const chunkBytes = 4 * 1024 * 1024

const NEWLINE = 0x0a

/** The whole content; it has to fit into one request. */
export async function readWhole(content: AsyncIterable<Uint8Array>, most = documentMost): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of content) {
    size += part.length
    if (size > most)
      throw new Error(
        `it has more than ${most} bytes, and is no NDJSON, which alone may be longer: write several files`,
      )
    parts.push(part)
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

/** Whether the first line is a JSON value of its own, and others follow it. */
export async function isNdjson(content: AsyncIterable<Uint8Array>): Promise<boolean> {
  let size = 0
  const parts: Uint8Array[] = []
  for await (const part of content) {
    parts.push(part)
    size += part.length
    const first = Buffer.concat(parts).toString()
    const end = first.indexOf('\n')
    if (end < 0 && size < chunkBytes) continue
    return end >= 0 && isJson(first.slice(0, end).replace(/^\ufeff/, ''))
  }
  return false
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Lines of one signal that follow each other, with the blank ones between them. */
export async function* ndjsonChunks(
  content: AsyncIterable<Uint8Array>,
  fallback: Signal | undefined,
  most = chunkBytes,
): AsyncGenerator<Chunk> {
  let lines: Uint8Array[] = []
  let size = 0
  let signal: Signal = fallback ?? 'logs'
  let line = 0
  let first = 1
  const flush = (): Chunk => {
    const body = Buffer.concat(lines)
    lines = []
    size = 0
    return { signal, format: 'ndjson', body, line: first }
  }
  for await (const text of linesOf(content)) {
    line++
    if (lines.length === 0 && isBlank(text)) continue
    const told = signalOfJson(text)
    if (lines.length > 0 && (size + text.length > most || (told !== undefined && told !== signal))) yield flush()
    if (lines.length === 0) first = line
    signal = told ?? signal
    lines.push(text)
    size += text.length
  }
  if (lines.length > 0) yield flush()
}

/** With their line ends. */
export async function* linesOf(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = []
  let size = 0
  let number = 1
  for await (const part of content) {
    let start = 0
    for (let end = part.indexOf(NEWLINE); end >= 0; end = part.indexOf(NEWLINE, start)) {
      const rest = part.subarray(start, end + 1)
      yield held.length === 0 ? rest : Buffer.concat([...held, rest])
      held = []
      size = 0
      start = end + 1
      number++
    }
    if (start === part.length) continue
    held.push(part.subarray(start))
    size += part.length - start
    if (size > documentMost) throw new Error(`line ${number} has more than ${documentMost} bytes`)
  }
  if (held.length > 0) yield Buffer.concat(held)
}

const isBlank = (text: Uint8Array) =>
  text.every(byte => byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === NEWLINE)
