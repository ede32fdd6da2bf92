import { randomBytes } from 'node:crypto'
import { eventBytes, eventLines, sequence } from './events.ts'
import { maskedFrame, maskedHeadBytes, opcode } from './ws-frames.ts'

/** Masked frames in one buffer that can be sent again and again, each time with new numbers in the events. */
export interface WsBatch {
  bytes: Buffer
  events: number
  /** Makes its events those of the block with these digits; the buffer must not be in flight. */
  stamp(digits: Buffer): void
}

/** `plain`: one text message per event. */
export function plainBatch(events: number, seed: number): WsBatch {
  const lines = eventLines(events, seed)
  const frames = Array.from({ length: events }, (_, line) => {
    const at = line * (eventBytes + 1)
    return maskedFrame(opcode.text, lines.subarray(at, at + eventBytes), randomBytes(4))
  })
  return batch(Buffer.concat(frames), events, maskedHeadBytes(eventBytes), 0, frames[0]!.length)
}

/** `millrace.v1`: one text message that holds all events as NDJSON. */
export function ndjsonBatch(events: number, seed: number): WsBatch {
  const lines = eventLines(events, seed)
  return batch(
    maskedFrame(opcode.text, lines, randomBytes(4)),
    events,
    maskedHeadBytes(lines.length),
    eventBytes + 1,
    0,
  )
}

/**
 * Event k begins in frame k × `frameStride`, `lineStride` × k bytes into the payload: one of the two is 0.
 * The masking key precedes the payload, and payload byte i is masked with key byte i mod 4.
 */
function batch(bytes: Buffer, events: number, head: number, lineStride: number, frameStride: number): WsBatch {
  return {
    bytes,
    events,
    stamp(digits) {
      for (let k = 0; k < events; k++) {
        const payload = k * frameStride + head
        const from = k * lineStride + sequence.at
        for (let i = 0; i < digits.length; i++) {
          bytes[payload + from + i] = digits[i]! ^ bytes[payload - 4 + ((from + i) & 3)]!
        }
      }
    },
  }
}
