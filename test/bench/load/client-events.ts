import { eventBytes, eventText, seeded, sequence } from './events.ts'

/** An event as a program has it before it is JSON; its text has `eventBytes` bytes. */
export interface LogEvent {
  seq: number
  level: string
  service: string
  path: string
  ms: number
  trace: string
}

/** of different events; each has its own number when it is sent */
const templates = 1024
/** a number of as many digits as `checkStored` looks at */
const first = 10 ** (sequence.digits - 1)

/** Event n: one of a few objects, with its number put in. Making it costs next to nothing. */
export function createEvents(): (n: number) => LogEvent {
  const random = seeded(1)
  const events = Array.from({ length: templates }, (_, k) => {
    const event = JSON.parse(eventText(k % 1000, random)) as LogEvent
    // a number loses the zeros at its end
    event.trace = event.trace.padEnd(event.trace.length + eventBytes - JSON.stringify(event).length, '0')
    return event
  })
  return n => {
    const event = events[n % templates]!
    event.seq = first + n
    return event
  }
}
