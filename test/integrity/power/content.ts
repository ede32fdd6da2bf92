/** The bytes of one file. `bytes` is longer than `length` where the file may grow. */
export interface Content {
  bytes: Buffer
  length: number
}

/** One change to a file that a sync has not covered yet. */
export type Change = { kind: 'write'; offset: number; bytes: Uint8Array } | { kind: 'resize'; size: number }

export const contentOf = (bytes: Uint8Array): Content => ({ bytes: Buffer.from(bytes), length: bytes.length })
export const bytesOf = (content: Content): Buffer => content.bytes.subarray(0, content.length)

/** Applies `changes` in their order to `content` itself. A hole reads as zeros, as on every file system. */
export function apply(content: Content, changes: Iterable<Change>): Content {
  for (const change of changes) {
    if (change.kind === 'resize') {
      resize(content, change.size)
    } else {
      if (change.offset + change.bytes.length > content.length) resize(content, change.offset + change.bytes.length)
      content.bytes.set(change.bytes, change.offset)
    }
  }
  return content
}

function resize(content: Content, size: number): void {
  if (size > content.bytes.length) {
    const larger = Buffer.alloc(Math.max(size, content.bytes.length * 2))
    content.bytes.copy(larger, 0, 0, content.length)
    content.bytes = larger
  }
  content.bytes.fill(0, Math.min(size, content.length), Math.max(size, content.length))
  content.length = size
}
