import { setTimeout as delay } from 'node:timers/promises'
import type { Batch } from './batch.ts'
import { ask, post, type Target } from './gateway.ts'
import { begin, type Effect, type Event, type Limits, type State, step } from './machine.ts'
import type { Reader } from './reader.ts'

export interface TransferOptions extends Limits {
  target: Target
  reader: Reader
  /** aborted: no further batch is begun, and what was stored is told */
  signal: AbortSignal
  /** after every step, with the bytes of the input that are dealt with */
  onStep: (state: State, effect: Effect, bytes: number) => void
}

export interface Outcome {
  state: State
  bytes: number
}

/** Drives the machine: carries out its effects, one at a time, until it is done or has failed. */
export async function transfer(options: TransferOptions): Promise<Outcome> {
  const { target, reader, signal, onStep } = options
  let bytes = 0
  let batch: Batch | undefined
  let [state, effect] = begin()

  async function carryOut(): Promise<Event> {
    switch (effect.type) {
      case 'ask':
        return ask(target, signal)
      case 'read': {
        bytes += batch?.body.length ?? 0
        const read = await reader.next(effect.from)
        batch = read.type === 'batch' ? read.batch : undefined
        bytes += read.skippedBytes
        if (read.type === 'end') return { type: 'end', skipped: read.skipped, reason: read.reason }
        const { offset, ends, dead } = read.batch
        return { type: 'batch', offset, size: ends.length, dead, skipped: read.skipped }
      }
      case 'post':
        return post(target, batch!, effect.skip, signal)
      case 'wait':
        await delay(effect.ms, undefined, { signal })
        return { type: 'elapsed' }
      case 'finish':
        throw new Error('a transfer that has ended has no next event')
    }
  }

  while (effect.type !== 'finish') {
    onStep(state, effect, bytes)
    const event = await untilStopped(carryOut, signal)
    ;[state, effect] = step(state, event, options)
  }
  return { state, bytes }
}

/** An interrupted effect has no outcome; that it was interrupted is the event. */
async function untilStopped(carryOut: () => Promise<Event>, signal: AbortSignal): Promise<Event> {
  if (signal.aborted) return { type: 'stopped' }
  try {
    const event = await carryOut()
    return signal.aborted && event.type === 'broken' ? { type: 'stopped' } : event
  } catch (error) {
    if (signal.aborted) return { type: 'stopped' }
    throw error
  }
}
