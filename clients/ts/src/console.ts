import { listenForErrors } from './console-errors.ts'
import { toJsonValue, toMessage } from './console-value.ts'
import type { Client } from './types.ts'

export type Level = 'log' | 'info' | 'warn' | 'error' | 'debug' | 'trace'

export interface CaptureOptions {
  /** Default all six */
  levels?: readonly Level[]
  /** print as before, too. What is not captured is always printed. Default true */
  passThrough?: boolean
  /** also uncaught errors and rejections; what they do to the program stays as it is. Default false */
  errors?: boolean
}

const all: readonly Level[] = ['log', 'info', 'warn', 'error', 'debug', 'trace']

/**
 * Each call of `console.log` and its like becomes an event `{time, level, message, args}`, `trace` and errors with a
 * `stack`. Calls that the client has no room for are counted; once it has, an event with their number in `missed` follows.
 * Returns what puts the console back.
 */
export function captureConsole(client: Client, options: CaptureOptions = {}): () => void {
  const { levels = all, passThrough = true, errors = false } = options
  let isOn = true
  /** a call from within a capture, or from what the client tells because of one, would go round for ever */
  let isOurs = false
  let missed = 0
  let isWaiting = false

  /** Returns true where the call is an event now. */
  function capture(level: Level, values: readonly unknown[], more: object = {}): boolean {
    if (!isOn || isOurs) return false
    isOurs = true
    try {
      // the client tells of a drop in a microtask of its own, between these two
      queueMicrotask(() => (isOurs = true))
      const args = values.map(toJsonValue)
      const event = { time: new Date().toISOString(), level, message: toMessage(args), args, ...more }
      const isTaken = client.send(event)
      if (!isTaken) miss()
      return isTaken
    } finally {
      isOurs = false
      queueMicrotask(() => (isOurs = false))
    }
  }

  function miss(): void {
    missed++
    if (isWaiting) return
    isWaiting = true
    // rejects once the client is stopped or closed: no more is captured
    client.ready().then(tellMissed, () => {})
  }

  function tellMissed(): void {
    isWaiting = false
    if (!isOn) return
    const message = `${missed} console calls were not captured`
    isOurs = true
    if (client.send({ time: new Date().toISOString(), level: 'warn', message, args: [], missed })) missed = 0
    isOurs = false
  }

  /** A console may print one call through another: Node's `trace` calls `error`. */
  function print(call: () => void): void {
    const before = isOurs
    isOurs = true
    try {
      call()
    } finally {
      isOurs = before
    }
  }

  const undo = levels.map(level => {
    const original = console[level]
    function captured(this: unknown, ...values: unknown[]): void {
      const more = level === 'trace' ? { stack: callers(captured) } : undefined
      const isTaken = capture(level, values, more)
      if (passThrough || !isTaken) print(() => original.apply(this, values))
    }
    console[level] = captured
    return () => {
      // somebody may have put theirs over ours: then ours stays and only passes on
      if (console[level] === captured) console[level] = original
    }
  })
  if (errors) undo.push(listenForErrors((error, origin) => capture('error', [error], { origin })))

  return function restore(): void {
    isOn = false
    for (const one of undo) one()
  }
}

function callers(below: (...args: never[]) => void): string {
  const at: { stack?: string } = {}
  Error.captureStackTrace?.(at, below)
  return at.stack ?? new Error('trace').stack ?? ''
}
