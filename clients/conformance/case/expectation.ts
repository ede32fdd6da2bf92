import * as z from 'zod'
import { kinds } from '../proxy/faults.ts'

/** Numbers and booleans are exact; of strings see `match.ts` (`>= 3`, `starts with x`, …). */
export const matcher = z.union([z.number(), z.boolean(), z.string(), z.null()])

const stats = z.strictObject({
  state: matcher.optional(),
  key: matcher.optional(),
  epoch: matcher.optional(),
  transport: matcher.optional(),
  taken: matcher.optional(),
  refused: matcher.optional(),
  acked: matcher.optional(),
  duplicates: matcher.optional(),
  rejected: matcher.optional(),
  pending: matcher.optional(),
  pending_bytes: matcher.optional(),
  connects: matcher.optional(),
  dropped: z
    .strictObject({
      drop_oldest: matcher.optional(),
      drop_newest: matcher.optional(),
      bad_event: matcher.optional(),
      closed: matcher.optional(),
    })
    .optional(),
})

const reported = z.strictObject({
  type: z.enum(['ack', 'drop', 'error', 'state']),
  count: matcher.optional(),
  reason: matcher.optional(),
  events: matcher.optional(),
  code: matcher.optional(),
  message: matcher.optional(),
  fatal: matcher.optional(),
  state: matcher.optional(),
})

const sight = z.strictObject({
  kind: z.enum(Object.keys(kinds) as [keyof typeof kinds, ...(keyof typeof kinds)[]]),
  /** of those of its kind, from 1 */
  number: matcher.optional(),
  /** the request line, or the kind of frame */
  start: matcher.optional(),
  text: matcher.optional(),
  headers: z.record(z.string(), matcher).optional(),
})

/** `KEY` of the streams is as the case names it; `(client)` is that of the client, whatever it is. */
const perStream = <T extends z.ZodType>(of: T) => z.record(z.string(), of)

/** What may be waited for, or be checked between steps. */
export const condition = z.strictObject({
  stats: stats.optional(),
  reports: z.array(reported).optional().describe('these, in any order, among what the client has reported'),
  counts: perStream(matcher).optional().describe('of the gateway'),
  proxy: z
    .partialRecord(z.enum(Object.keys(kinds) as [keyof typeof kinds, ...(keyof typeof kinds)[]]), matcher)
    .optional()
    .describe('how often the proxy has seen each'),
})

export const generated = z.strictObject({
  generated: z.array(z.tuple([z.int(), z.int()])).describe('ranges, as `generate` makes them'),
  pad: z.int().default(0),
})

export const expectation = z.strictObject({
  ...condition.shape,
  stored: perStream(z.union([z.array(z.string()), generated]))
    .optional()
    .describe('the payloads of each stream, byte for byte'),
  epochs: perStream(matcher).optional(),
  absent: z.array(z.string()).optional().describe('streams that must not exist'),
  dead_letters: perStream(z.array(z.strictObject({ index: matcher, text: matcher.optional(), code: matcher })))
    .optional()
    .describe('of each stream'),
  never_reports: z.array(reported).optional(),
  sees: z.array(sight).optional().describe('these, in this order, among what passed the proxy'),
  never_sees: z.array(sight).optional(),
  least_ms: z
    .strictObject({ from: sight, to: sight, at_least: z.number() })
    .optional()
    .describe('between the first `from` and the first `to` after it'),
  spool: z
    .strictObject({
      state: z.record(z.string(), matcher).optional().describe('members of state.json'),
      lines: z.array(z.string()).optional().describe('of all segments, in order'),
      files: z.array(matcher).optional().describe('each must match a file name'),
      files_absent: z.array(matcher).optional(),
    })
    .optional(),
})
