import { type Client, type ClientError, type ConnectOptions, connect } from '../../clients/ts/src/client.ts'
import { formatDuration } from '../../core/units.ts'
import { type Batch, badValue, lineOf } from './batch.ts'
import type { Reader } from './reader.ts'

export interface TransferOptions {
  connect: ConnectOptions
  reader: Reader
  /** aborted: no further batch is begun, and what was stored is told */
  signal: AbortSignal
  /** gives up after so long without progress, milliseconds */
  retryFor: number
  onOpen: (count: number) => void
  onProgress: (view: Outcome) => void
  /** a connection broke; the next comes in `ms` */
  onWait: (reason: string, ms: number) => void
}

/** `accepted + duplicates + rejected` are all values that are dealt with. */
export interface Outcome {
  /** of the stream, as the gateway has said last; undefined: it never did */
  count: number | undefined
  /** stored by this run */
  accepted: number
  /** in the stream already */
  duplicates: number
  /** became dead letters in this run */
  rejected: number
  /** of the input, dealt with */
  bytes: number
  /** why it ended before the input did */
  reason?: string
}

/** milliseconds that an interrupted transfer waits for its last acks */
const lastAcksMs = 2000
/** a timer takes more for none */
const longestTimer = 2 ** 31 - 1

/** Sends what the reader reads, from where the stream ends: the gateway says first how much it has. */
export async function transfer(options: TransferOptions): Promise<Outcome> {
  const { reader, signal, retryFor, onOpen, onProgress, onWait } = options
  const outcome: Outcome = { count: undefined, accepted: 0, duplicates: 0, rejected: 0, bytes: 0 }
  /** not all of them are known to be stored; oldest first */
  const underWay: Batch[] = []
  const over = new AbortController()
  const opened = Promise.withResolvers<number>()
  let lastFailure = ''
  let givingUp: NodeJS.Timeout | undefined
  const client = connect({
    ...options.connect,
    append: true,
    metric: (name, value) => {
      if (name === 'retry_ms') onWait(lastFailure, value)
    },
  })

  client.on('open', ({ count }) => {
    recovered()
    outcome.count = count
    opened.resolve(count)
  })
  client.on('ack', ({ count }) => {
    recovered()
    outcome.count = count
    settle(count)
    onProgress(outcome)
  })
  client.on('error', ({ error, fatal }) => {
    lastFailure = error.code === 'unreachable' ? error.message : `${error.message} (${error.code})`
    if (fatal) fail(placeOf(error) ?? lastFailure)
    else
      givingUp ??= setTimeout(
        () => fail(`gave up after ${formatDuration(retryFor)}: ${lastFailure}`),
        Math.min(retryFor, longestTimer),
      )
  })
  // what is left is told by the count: it can be sent again
  client.on('drop', () => {})
  signal.addEventListener('abort', () => fail('stopped'))

  function recovered(): void {
    clearTimeout(givingUp)
    givingUp = undefined
  }

  function fail(reason: string): void {
    outcome.reason ??= reason
    over.abort()
    reader.close()
    opened.resolve(0)
  }

  /** Values of the first batches are stored, up to a position. */
  function settle(count: number): void {
    for (let batch = underWay[0]; batch !== undefined && batch.offset < count; batch = underWay[0]) {
      if (batch.offset + batch.ends.length > count) break
      underWay.shift()
      outcome.bytes += batch.body.length
      outcome.rejected += batch.dead.length
      outcome.accepted += batch.ends.length - batch.dead.length
    }
  }

  /** Where in the input the value is that the gateway refused. */
  function placeOf({ position, message, code }: ClientError): string | undefined {
    const batch = underWay.find(({ offset, ends }) => position! >= offset && position! < offset + ends.length)
    return batch && badValue(batch.file, lineOf(batch, position! - batch.offset), message, code)
  }

  async function sendAll(): Promise<void> {
    for (let from = outcome.count ?? 0; ; ) {
      const read = await reader.next(from)
      outcome.duplicates += read.skipped
      outcome.bytes += read.skippedBytes
      if (read.type === 'end') {
        await client.flush()
        outcome.reason ??= read.reason
        return
      }
      underWay.push(read.batch)
      from = read.batch.offset + read.batch.ends.length
      while (!client.sendBatch(read.batch.body, read.batch.ends)) await client.ready()
    }
  }

  try {
    const count = await opened.promise
    if (outcome.reason === undefined) {
      onOpen(count)
      await sendAll().catch((error: unknown) => {
        if (!over.signal.aborted) throw error
      })
    }
  } finally {
    recovered()
    await end(client, over.signal)
  }
  partly(underWay[0], outcome)
  return outcome
}

async function end(client: Client, over: AbortSignal): Promise<void> {
  // what is under way at an interrupt is still stored, and counted
  await client.close({ timeout: over.aborted ? lastAcksMs : undefined })
}

/** The values of a batch that were stored before the transfer ended in the middle of it. */
function partly(batch: Batch | undefined, outcome: Outcome): void {
  if (batch === undefined || outcome.count === undefined || outcome.count <= batch.offset) return
  const stored = outcome.count - batch.offset
  const dead = batch.dead.filter(index => index < stored).length
  outcome.bytes += batch.ends[stored - 1]!
  outcome.rejected += dead
  outcome.accepted += stored - dead
}
