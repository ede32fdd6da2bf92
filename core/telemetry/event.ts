/** Log events: a constant name that says what happened, fields that say to what, and a sentence for people. */

/** The last word of every event name. One word for one thing: a synonym is not to be added. */
export const verbs = {
  start: 'began to run',
  complete: 'ended as intended',
  fail: 'ended, or could not be done, because of an error',
  stop: 'ended because it was told to',
  resume: 'goes on from where it was',
  open: 'a stream, connection or file came into use',
  close: 'a stream, connection or file went out of use',
  create: 'a lasting thing was made',
  delete: 'a lasting thing was removed',
  revoke: 'a token lost its right',
  apply: 'a change of configuration or schema took effect',
  report: 'said by a part that has no event of its own for it',
  flush: 'what was held back was written',
  refuse: 'a request was turned down, and its sender told so',
  drop: 'something was left out, and counted',
  backpressure: 'a sender is made to wait',
  retry: 'it will be tried again',
  recover: 'it works again after a failure',
  fence: 'an older owner was shut out',
  ack: 'reported as safely stored',
  abort: 'given up before its end',
  timeout: 'took longer than it may',
} as const

export type Verb = keyof typeof verbs

/** Lower-case words joined by dots, the last one a verb: `gateway.start`, `store.commit.fail`. */
export type EventName = `${Lowercase<string>}.${Verb}`

/** Levels with their SeverityNumber of the OpenTelemetry logs data model; `silent` is above all. */
export const severity = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21, silent: 25 } as const

export type LogThreshold = keyof typeof severity
export type LogLevel = Exclude<LogThreshold, 'silent'>

/** What the event is about; an error goes under `error`, and the sink renders it with its causes. */
export type LogFields = Readonly<Record<string, unknown>>

export interface LogRecord {
  readonly level: LogLevel
  readonly event: EventName
  readonly fields: LogFields
  /** a sentence for people; empty where the name says it all */
  readonly message: string
}

/** Where records go. `write` must neither throw nor wait. */
export interface LogSink {
  /** the least level that is written; read for every event, so that it may change */
  readonly level: LogThreshold
  write(record: LogRecord): void
}

type Emit = (event: EventName, fields?: LogFields, message?: string) => void

export interface Log extends Readonly<Record<LogLevel, Emit>> {
  /** For fields that cost something to gather. */
  enabled(level: LogLevel): boolean
  /** A log that adds `fields` to each of its events; those of the event win. */
  with(fields: LogFields): Log
}

export function createLog(sink: LogSink, bound: LogFields = {}): Log {
  const enabled = (level: LogLevel) => severity[level] >= severity[sink.level]
  const at =
    (level: LogLevel): Emit =>
    (event, fields, message = '') => {
      if (enabled(level)) sink.write({ level, event, fields: { ...bound, ...fields }, message })
    }
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    enabled,
    with: fields => createLog(sink, { ...bound, ...fields }),
  }
}
