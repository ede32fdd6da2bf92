import { utf8Length } from '../protobuf/utf8.ts'

/** Whether the bytes from `start` to `end` are UTF-8. */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start
  while (at < end) {
    if (bytes[at]! < 0x80) {
      at++
      continue
    }
    const length = utf8Length(bytes, at, end)
    if (length === 0) return false
    at += length
  }
  return true
}
