import { randomUUID } from 'node:crypto'
import { formatDuration } from '../../core/units.ts'
import type { SendOptions } from '../commands/send.ts'
import { gatewayUrl } from '../http/client.ts'
import * as log from '../log.ts'
import { gzipFetch } from './gzip.ts'
import { openInputs, totalSize } from './input.ts'
import { startProgress } from './progress.ts'
import { createReader } from './reader.ts'
import { type Outcome, transfer } from './transfer.ts'

/** Batches that wait for their ack. */
const windowBatches = 4

/** Sends the files into one stream, exactly once; rejects where not all of them could be stored. */
export async function send(files: readonly string[], options: SendOptions): Promise<void> {
  const { token, epoch, batchBytes, gzip, onError, retryFor } = options
  const url = gatewayUrl(options.url)
  const inputs = await openInputs(files)
  const stream = options.stream ?? `send-${randomUUID()}`
  if (options.stream === undefined) log.info(`sending to stream ${stream}`)

  const reader = createReader(inputs, { ...options, append: options.append === true })
  const stop = new AbortController()
  const interrupt = () => stop.abort()
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)

  const progress = startProgress(process.stderr)
  const totalBytes = totalSize(inputs)
  const show = (outcome: Outcome, waiting?: string) =>
    progress.update({ events: sum(outcome), bytes: outcome.bytes, totalBytes, waiting })
  let latest: Outcome = { count: undefined, accepted: 0, duplicates: 0, rejected: 0, bytes: 0 }

  const began = performance.now()
  try {
    const outcome = await transfer({
      connect: {
        url,
        token,
        stream,
        epoch,
        // what is compressed goes by POST
        ...(gzip ? { transport: 'post', fetch: gzipFetch } : {}),
        batchBytes,
        maxBytes: windowBatches * batchBytes,
        windowBytes: windowBatches * batchBytes,
        onRefused: onError,
      },
      reader,
      signal: stop.signal,
      retryFor,
      onOpen: count => {
        if (count > 0) log.info(beginning(stream, count, options.append === true))
      },
      onProgress: view => {
        latest = view
        show(view)
      },
      onWait: (reason, ms) => {
        const waiting = `${reason}; trying again in ${formatDuration(ms)}`
        if (!process.stderr.isTTY) log.warn(waiting)
        show(latest, waiting)
      },
    })
    progress.stop()
    report(stream, outcome, performance.now() - began, options.json === true)
  } finally {
    progress.stop()
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
    reader.close()
  }
}

function report(stream: string, outcome: Outcome, ms: number, json: boolean): void {
  const { count, accepted, duplicates, rejected, bytes, reason } = outcome
  if (json) {
    const seconds = Math.round(ms) / 1000
    const told = { stream, count, accepted, duplicates, rejected, bytes, seconds }
    console.log(JSON.stringify(reason === undefined ? told : { ...told, error: reason }))
  }
  if (reason !== undefined)
    throw new Error(
      count === undefined
        ? `${reason}; with --stream ${quote(stream)} it goes on where the stream ends`
        : `${reason}; stream ${stream} has ${number(count)} events, and with --stream ${quote(stream)} it goes on there`,
    )
  const notes = [`${number(accepted)} events stored in ${formatDuration(ms)}`]
  if (duplicates > 0) notes.push(`${number(duplicates)} were there already`)
  if (rejected > 0) notes.push(`${number(rejected)} became dead letters`)
  log.info(`${notes.join(', ')}; stream ${stream} has ${number(count ?? 0)}`)
}

function beginning(stream: string, count: number, append: boolean): string {
  const has = `stream ${stream} already has ${number(count)} events`
  return append ? `${has}: adding to them` : `${has}: skipping as many of the input (--append would add all of it)`
}

function sum({ accepted, duplicates, rejected }: Outcome): number {
  return accepted + duplicates + rejected
}

function number(value: number): string {
  return value.toLocaleString('en')
}

/** As a shell reads it as one word. */
function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
