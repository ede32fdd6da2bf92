import { createFramer } from '../../core/framing/framer.ts'
import type { Framer } from '../../core/framing/framing.ts'
import { type Batch, badValue } from './batch.ts'
import type { Input } from './input.ts'
import { Pending } from './pending.ts'

export interface ReaderOptions {
  /** bytes of a batch; a larger value is a batch of its own */
  batchBytes: number
  /** bytes of one value; a larger one is bad */
  eventBytes: number
  /** `dead_letter`: bad values are sent like others, for the gateway to put aside. `stop`: the first one ends reading */
  onError: 'stop' | 'dead_letter'
  /** the input goes behind what the stream has: its first value is at the position of the first `next` */
  append: boolean
}

export type Read = (
  | { type: 'batch'; batch: Batch }
  /** `reason`: a bad value is next, with its file and line */
  | { type: 'end'; reason: string | undefined }
) & {
  /** values that were left out since the last call, and their bytes */
  skipped: number
  skippedBytes: number
}

export interface Reader {
  /** The next values from position `from` on: what is there, up to a batch; waits only where there is none. */
  next(from: number): Promise<Read>
  /** Stops reading; a `next` that waits rejects. */
  close(): void
}

/**
 * Cuts inputs into batches of whole values. A batch never spans two files. While one batch is on its way the next is
 * read, and no more than that: memory is bounded by two batches, one chunk and the largest value.
 */
export function createReader(inputs: readonly Input[], options: ReaderOptions): Reader {
  const { batchBytes } = options
  let pending = new Pending('', 0)
  let outcome: { reason: string | undefined } | { error: unknown } | undefined
  let stream: ReturnType<Input['open']> | undefined
  let closed = false
  /** position in the stream of the first value of the input */
  let base: number | undefined
  /** whoever waits: the pump for room, or `next` for values */
  let wake = () => {}
  const changed = () => new Promise<void>(resolve => (wake = resolve))

  async function pump(): Promise<string | undefined> {
    for (const input of inputs) {
      const reason = await pumpFile(input)
      if (reason !== undefined || closed) return reason
    }
    return undefined
  }

  async function pumpFile(input: Input): Promise<string | undefined> {
    pending = new Pending(input.name, pending.position)
    const framer = createFramer({ maxEventBytes: options.eventBytes, onBad: options.onError })
    stream = input.open()
    for await (const chunk of stream) {
      pending.append(chunk)
      framer.push(chunk)
      await publish(framer, batchBytes)
      if (framer.failure || closed) break
    }
    framer.end()
    await publish(framer, 1)
    if (framer.failure === undefined) return undefined
    const { line, code, message } = framer.failure
    return badValue(input.name, line, message, code)
  }

  /** Makes complete values available and waits until fewer than `least` bytes of them are left. */
  async function publish(framer: Framer, least: number): Promise<void> {
    const frames = framer.take()
    if (frames) pending.complete(frames)
    while (pending.bytes >= least && !closed) {
      wake()
      await changed()
    }
    wake()
  }

  pump().then(
    reason => {
      outcome = { reason }
      wake()
    },
    (error: unknown) => {
      outcome = { error }
      wake()
    },
  )

  return {
    async next(from) {
      let skipped = 0
      let skippedBytes = 0
      base ??= options.append ? from : 0
      for (;;) {
        if (closed) throw new Error('the reader is closed')
        const dropped = pending.drop(from - base - pending.position)
        skipped += dropped.values
        skippedBytes += dropped.bytes
        const batch = pending.take(batchBytes)
        if (batch) {
          wake()
          batch.offset += base
          return { type: 'batch', batch, skipped, skippedBytes }
        }
        if (outcome) {
          if ('error' in outcome) throw outcome.error
          return { type: 'end', skipped, skippedBytes, reason: outcome.reason }
        }
        wake()
        await changed()
      }
    },
    close() {
      closed = true
      stream?.destroy()
      wake()
    },
  }
}
