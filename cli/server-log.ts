import pino from 'pino'
import { createLog, type Log, type LogSink, type LogThreshold } from '../core/telemetry/event.ts'

/** The gateway's log: one JSON object a line on stderr, written by pino. */
export function createServerLog(level: LogThreshold): Log {
  const logger = pino(
    {
      level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      serializers: { error: pino.stdSerializers.errWithCause },
    },
    pino.destination({ dest: 2, sync: true }),
  )
  const sink: LogSink = {
    level,
    write: record => logger[record.level]({ event: record.event, ...record.fields }, record.message || undefined),
  }
  return createLog(sink)
}
