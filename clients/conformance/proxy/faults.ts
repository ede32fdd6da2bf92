import * as z from 'zod'

/** What passes between client and gateway, in words that hold for both transports. */
export const kinds = {
  connection: 'a TCP connection of the client',
  upgrade: 'the request for a WebSocket',
  ask: 'HEAD, or a POST without a body',
  batch: 'events: a POST with a body, or a message on a WebSocket',
  end: 'the empty message that ends a WebSocket stream',
  open: 'the count before anything was sent: the answer to `ask`, or the `open` frame',
  ack: 'a 200 to a batch, or an `ack` frame',
  error: 'any other answer to a request, or an `error` frame',
  close: 'a Close frame of the gateway',
} as const

export type Kind = keyof typeof kinds

const kind = z.enum(Object.keys(kinds) as [Kind, ...Kind[]])

export const fault = z.strictObject({
  on: kind.optional().describe('what it happens to; not with `after_bytes`'),
  nth: z.int().min(1).default(1).describe('the first one that it happens to, counted over all connections of the case'),
  times: z.int().min(1).default(1).describe('to how many in a row'),
  after_bytes: z.int().min(1).optional().describe('cut: as soon as so many bytes went up on one connection'),
  cut: z
    .enum(['before', 'middle', 'after'])
    .optional()
    .describe('the connection breaks before it, inside it, after it'),
  delay_ms: z.int().optional().describe('it, and what comes behind it, is late'),
  swallow: z.literal(true).optional().describe('from it on nothing passes, and the connection stays open'),
  hold: z.literal(true).optional().describe('as swallow, but what went up arrives with the step `network: release`'),
  answer: z
    .strictObject({
      status: z.int(),
      headers: z.record(z.string(), z.string()).default({}),
      body: z.string().default(''),
    })
    .optional()
    .describe('the proxy answers instead: a request is kept from the gateway, an answer is replaced'),
  frames: z.array(z.string()).optional().describe('WebSocket: text messages to the client in its place'),
  close: z
    .strictObject({ code: z.int(), reason: z.string().default('told') })
    .optional()
    .describe('WebSocket: a Close frame to the client in its place, after `frames`'),
})

export type Fault = z.infer<typeof fault>

/** Counts what passes and finds the fault that is due. */
export function createFaults() {
  const faults: Fault[] = []
  const counts = new Map<Kind, number>()
  return {
    add: (...more: Fault[]) => faults.push(...more),
    count: (of: Kind) => counts.get(of) ?? 0,
    /** One more of this kind has come: what is to happen to it? */
    next(of: Kind): Fault | undefined {
      const number = (counts.get(of) ?? 0) + 1
      counts.set(of, number)
      return faults.find(({ on, nth, times }) => on === of && number >= nth && number < nth + times)
    },
    /** Takes the first fault that cuts by bytes, if so many are reached; it happens once. */
    cutAt(bytes: number): number | undefined {
      const at = faults.findIndex(({ after_bytes }) => after_bytes !== undefined && after_bytes <= bytes)
      return at < 0 ? undefined : faults.splice(at, 1)[0]!.after_bytes
    },
  }
}

export type Faults = ReturnType<typeof createFaults>
