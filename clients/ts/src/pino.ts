import { Writable } from 'node:stream'
import { isMainThread } from 'node:worker_threads'
import { connect } from './client.ts'
import { createReport } from './pino-report.ts'
import type { Client, ConnectOptions } from './types.ts'

/** Options of the transport; all of it can be handed to a worker thread. */
export interface PinoOptions extends Omit<ConnectOptions, 'token' | 'spool' | 'metric' | 'fetch' | 'WebSocket'> {
  token?: string
  /** folder that keeps what is not acknowledged, also over a restart; one process at a time. Default: memory only */
  spool?: string
  /** how long the end waits for acks, milliseconds; pino gives up a worker thread after 10,000. Default 5,000 */
  flushTimeoutMs?: number
}

/**
 * For `pino({ transport: { target: '@millrace/client/pino', options } })`, or in process: `pino(await transport(options))`.
 * One log line is one event, byte for byte. Rejects where the client cannot be made (an option, the spool).
 */
export default async function transport({ spool, flushTimeoutMs, ...options }: PinoOptions): Promise<Writable> {
  const keeper = spool === undefined ? undefined : (await import('./file.ts')).fileSpool(spool)
  return pinoStream(connect({ ...options, spool: keeper }), { flushTimeoutMs, close: true })
}

export interface PinoStreamOptions {
  /** the end of the stream closes the client. Default false: it only flushes */
  close?: boolean
  /** Default 5,000 */
  flushTimeoutMs?: number
}

/**
 * Lines into a client, with back-pressure where it has no room. A line that is no JSON is sent as a JSON string. What is
 * lost is counted and told on stderr; the stream itself never fails, because a log must not end its program.
 */
export function pinoStream(client: Client, { close = false, flushTimeoutMs = 5000 }: PinoStreamOptions = {}): Writable {
  const decoder = new TextDecoder()
  const report = createReport()
  let partial = ''
  /** of the last `sendJson` that was refused */
  let code: string | undefined
  let isOver = false
  let endBy = 0
  let wake = () => {}

  const forget = [
    client.on('error', ({ error, fatal }) => {
      code = error.code
      // that line is sent after all, as a string
      if (code !== 'invalid') report.error(fatal ? `stopped: ${error.code}` : error.code, error.message)
    }),
    client.on('drop', ({ reason, events }) => report.lost(reason, events)),
  ]

  /** False: there is no room now. */
  function offer(line: string): boolean {
    code = undefined
    if (line === '' || (!isOver && client.sendJson(line))) return true
    isOver ||= client.state === 'stopped' || client.state === 'closed'
    if (isOver) report.lost('stopped', 1)
    else if (code === 'invalid') return offer(JSON.stringify(line))
    else if (code === 'event_too_large') report.lost(code, 1)
    // only where the policy is to drop: then the client has counted and told it
    else return client.stats().dropped.drop_newest > 0
    return true
  }

  async function offerAll(lines: readonly string[], from: number): Promise<void> {
    for (let at = from; at < lines.length; ) {
      if (offer(lines[at]!)) at++
      else
        await new Promise<void>(resolve => {
          wake = resolve
          const stop = () => {
            isOver = true
            resolve()
          }
          // there is room and still it was refused: a spool that fails
          if (code === 'spool') setTimeout(resolve, 100)
          else client.ready().then(resolve, stop)
        })
    }
  }

  function giveUp(): void {
    isOver = true
    wake()
  }

  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string | Uint8Array, _encoding, done) {
      const text = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })
      const lines = (partial + text).split('\n')
      partial = lines.pop()!
      let at = 0
      while (at < lines.length && offer(lines[at]!)) at++
      if (at === lines.length) done()
      else offerAll(lines, at).then(() => done(), done)
    },
    final(done) {
      offerAll([partial], 0)
        .then(finish)
        .then(() => done(), done)
    },
    destroy(error, done) {
      giveUp()
      finish().then(() => done(error), done)
    },
  })

  let finished: Promise<void> | undefined
  function finish(): Promise<void> {
    finished ??= (async () => {
      const timeout = isOver ? 0 : Math.max(0, endBy - performance.now())
      if (close) await client.close({ timeout })
      else if (!isOver) await client.flush({ timeout }).catch(error => report.error(error.code, error.message))
      for (const stop of forget) stop()
      report.end()
    })()
    return finished
  }

  const end = stream.end
  return Object.assign(stream, {
    // lines may be waiting for room, and `final` comes only after them
    end(...args: Parameters<typeof end>) {
      endBy = performance.now() + flushTimeoutMs
      const late = setTimeout(giveUp, flushTimeoutMs)
      stream.once('close', () => clearTimeout(late))
      return end.apply(stream, args)
    },
    /** What `logger.flush(callback)` calls: all written so far is stored. */
    flush(done: (error?: Error) => void = () => {}) {
      client.flush({ timeout: flushTimeoutMs }).then(
        () => done(),
        error => {
          report.error(`flush: ${error.code}`, error.message)
          // pino takes an error from its thread for the end of it, and of the program
          done(isMainThread ? error : undefined)
        },
      )
    },
  })
}
