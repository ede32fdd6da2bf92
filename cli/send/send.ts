import { randomUUID } from 'node:crypto'
import { formatDuration } from '../../core/units.ts'
import type { SendOptions } from '../commands/send.ts'
import { createClient } from '../http/client.ts'
import * as log from '../log.ts'
import { openInputs, totalSize } from './input.ts'
import type { Effect, State } from './machine.ts'
import { startProgress } from './progress.ts'
import { createReader } from './reader.ts'
import { type Outcome, transfer } from './transfer.ts'

/** Sends the files into one stream, exactly once; rejects where not all of them could be stored. */
export async function send(files: readonly string[], options: SendOptions): Promise<void> {
  const inputs = await openInputs(files)
  const stream = options.stream ?? `send-${randomUUID()}`
  const client = createClient(options.url, options.token)
  if (options.stream === undefined) log.info(`sending to stream ${stream}`)

  const reader = createReader(inputs, { ...options, append: options.append === true })
  const stop = new AbortController()
  const interrupt = () => {
    stop.abort()
    reader.close()
  }
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)

  const progress = startProgress(process.stderr)
  const totalBytes = totalSize(inputs)
  let told = false
  const onStep = (state: State, effect: Effect, bytes: number) => {
    if (effect.type === 'read' && !told) {
      told = true
      if (effect.from > 0) log.info(beginning(stream, effect.from, options.append === true))
    }
    const waiting = effect.type === 'wait' ? retryLine(effect) : undefined
    if (waiting && !process.stderr.isTTY) log.warn(waiting)
    progress.update({ events: sum(state), bytes, totalBytes, waiting })
  }

  const began = performance.now()
  try {
    const target = { client, stream, epoch: options.epoch, onError: options.onError, gzip: options.gzip === true }
    const outcome = await transfer({ target, reader, signal: stop.signal, retryFor: options.retryFor, onStep })
    progress.stop()
    report(stream, outcome, performance.now() - began, options.json === true)
  } finally {
    progress.stop()
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
    reader.close()
    client.close()
  }
}

function report(stream: string, { state, bytes }: Outcome, ms: number, json: boolean): void {
  const { count, totals, reason } = state
  const { accepted, duplicates, rejected } = totals
  if (json) {
    const seconds = Math.round(ms) / 1000
    const outcome = { stream, count, accepted, duplicates, rejected, bytes, seconds }
    console.log(JSON.stringify(reason === undefined ? outcome : { ...outcome, error: reason }))
  }
  if (reason !== undefined)
    throw new Error(
      `${reason}; stream ${stream} has ${number(count)} events, and with --stream ${quote(stream)} it goes on there`,
    )
  const notes = [`${number(accepted)} events stored in ${formatDuration(ms)}`]
  if (duplicates > 0) notes.push(`${number(duplicates)} were there already`)
  if (rejected > 0) notes.push(`${number(rejected)} became dead letters`)
  log.info(`${notes.join(', ')}; stream ${stream} has ${number(count)}`)
}

function beginning(stream: string, count: number, append: boolean): string {
  const has = `stream ${stream} already has ${number(count)} events`
  return append ? `${has}: adding to them` : `${has}: skipping as many of the input (--append would add all of it)`
}

function retryLine({ reason, ms }: Extract<Effect, { type: 'wait' }>): string {
  return `${reason}; trying again in ${formatDuration(ms)}`
}

function sum({ totals }: State): number {
  return totals.accepted + totals.duplicates + totals.rejected
}

function number(value: number): string {
  return value.toLocaleString('en')
}

/** As a shell reads it as one word. */
function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
