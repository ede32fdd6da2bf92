import { byteLength } from '../batch/select.ts'
import type { Position, Source, SourceRows } from '../contract.ts'
import type { Meter } from './meter.ts'
import type { Outlet } from './outlet.ts'

/**
 * Reads one source and hands on its rows and markers. Between two batches it can be stopped, says how far it is, and
 * goes on once the marker of that position is behind the rows.
 */
export interface SourceTask {
  /** Reads exactly (from, to] and hands on the marker after it. Not while `run` is under way. */
  replay(from: Position, to: Position, epoch: number): Promise<void>
  /** Reads on from `position` until `mark` with `last`, or the signal. */
  run(position: Position): Promise<void>
  /** Stops between two batches; `answer` is called with the position. */
  ask(epoch: number): void
  /** After `ask`: nothing was new, go on. */
  resume(): void
  /** After `ask`: hand on the marker, and go on unless it is the last. */
  mark(epoch: number, last: boolean): void
}

export interface SourceTaskOptions {
  source: Source
  outlet: Outlet
  meter: Meter
  signal: AbortSignal
  /** an epoch holds at most this much: above it the source waits for the next marker */
  maxRows: number
  maxBytes: number
  answer(epoch: number, position: Position): void
  /** what it hands on from now on belongs to `epoch`: the marker of the one before is next */
  entered(epoch: number): void
  /** the source has no more rows */
  ended(): void
  /** the epoch is full */
  full(): void
  /** so many rows are handed on now: what was said of them, such as dead rows, belongs to this epoch */
  handedOn(rows: number): void
}

type Request = { do: 'ask'; epoch: number } | { do: 'resume' } | { do: 'mark'; epoch: number; last: boolean }

export function createSourceTask(options: SourceTaskOptions): SourceTask {
  const { source, outlet, meter, signal, maxRows, maxBytes, answer, entered, ended, full, handedOn } = options
  const requests: Request[] = []
  /** settles with the next request, or the end of the attempt; shared, since a race leaves its losers waiting */
  let arrived = Promise.withResolvers<'request'>()
  signal.addEventListener('abort', () => arrived.reject(signal.reason), { once: true })
  arrived.promise.catch(() => {})

  function request(next: Request): void {
    requests.push(next)
    arrived.resolve('request')
  }

  /** Resolves once there is a request. */
  async function arrival(): Promise<'request'> {
    signal.throwIfAborted()
    if (requests.length > 0) return 'request'
    return arrived.promise
  }

  function takeRequest(): Request | undefined {
    const first = requests.shift()
    if (requests.length === 0) {
      arrived = Promise.withResolvers()
      arrived.promise.catch(() => {})
    }
    return first
  }

  /** Stops here: says how far the source is, and hands on the marker. True where it was the last. */
  async function stopFor(asked: Request, position: Position, onMark: () => void): Promise<boolean> {
    if (asked.do !== 'ask') throw new Error(`a source was told to ${asked.do} before it was asked`)
    answer(asked.epoch, position)
    await arrival()
    const told = takeRequest()!
    if (told.do === 'ask') throw new Error('a source was asked twice')
    if (told.do === 'resume') return false
    onMark()
    entered(told.epoch + 1)
    await outlet.marker({ epoch: told.epoch, last: told.last })
    return told.last
  }

  async function timed(call: Promise<SourceRows | undefined>): Promise<SourceRows | undefined> {
    const from = performance.now()
    try {
      return await call
    } finally {
      meter.seconds += (performance.now() - from) / 1000
    }
  }

  return {
    async run(start) {
      let position = start
      let rows = 0
      let bytes = 0
      let atEnd = false
      const reader = source.read(start)
      const isFull = () => rows >= maxRows || bytes >= maxBytes
      const read = () => {
        const next = timed(reader.next())
        // it is awaited below, or given up with the attempt
        next.catch(() => {})
        return next
      }
      try {
        let next = read()
        for (;;) {
          const asked = takeRequest()
          if (asked !== undefined) {
            const onMark = () => {
              rows = bytes = 0
            }
            if (await stopFor(asked, position, onMark)) return
            continue
          }
          const item = atEnd || isFull() ? await arrival() : await Promise.race([next, arrival()])
          if (item === 'request') continue
          if (item === undefined) {
            atEnd = true
            handedOn(0)
            ended()
            continue
          }
          handedOn(item.batch.numRows)
          await outlet.rows(item.batch)
          position = item.position
          rows += item.batch.numRows
          bytes += byteLength(item.batch)
          next = read()
          if (isFull()) full()
        }
      } finally {
        await reader.close()
      }
    },
    async replay(from, to, epoch) {
      const reader = source.read(from, to)
      try {
        for (let item = await timed(reader.next()); item !== undefined; item = await timed(reader.next())) {
          handedOn(item.batch.numRows)
          await outlet.rows(item.batch)
        }
        // what came after the last rows, such as dead ones at the end
        handedOn(0)
      } finally {
        await reader.close()
      }
      await outlet.marker({ epoch, last: false })
    },
    ask: epoch => request({ do: 'ask', epoch }),
    resume: () => request({ do: 'resume' }),
    mark: (epoch, last) => request({ do: 'mark', epoch, last }),
  }
}
