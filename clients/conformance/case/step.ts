import * as z from 'zod'
import { fault } from '../proxy/faults.ts'
import { condition, matcher } from './expectation.ts'

const options = z.strictObject({
  stream: z.string().optional(),
  token: z.string().optional().describe('the name of one of `setup.tokens`, or a secret'),
  replay: z.boolean().optional(),
  epoch: z.int().optional(),
  transport: z.literal('auto').optional().describe('else that under which the case runs'),
  overflow: z.enum(['refuse', 'drop_oldest', 'drop_newest']).optional(),
  on_refused: z.enum(['skip', 'stop', 'dead_letter']).optional(),
  spool: z.literal(true).optional().describe('the folder of the case'),
  max_bytes: z.int().optional(),
  batch_bytes: z.int().optional(),
  batch_ms: z.int().optional(),
  max_event_bytes: z.int().optional(),
  ack_timeout_ms: z.int().optional(),
  connect_timeout_ms: z.int().optional(),
  retry_min_ms: z.int().optional(),
  retry_max_ms: z.int().optional(),
})

const json: z.ZodType<unknown> = z.json()
const fails = z.string().optional().describe('the code of the error that must come')
const timeout_ms = z.int().optional()
const taken = z.union([z.array(z.boolean()), z.literal(['all', 'none', 'any'])]).default('all')

/** Each step by the word that it begins with. */
const steps = {
  connect: z.strictObject({ connect: options, fails }),
  send: z.strictObject({ send: z.array(json), taken, fails }),
  send_raw: z.strictObject({ send_raw: z.array(z.string()), taken, fails }),
  generate: z.strictObject({
    generate: z.strictObject({ from: z.int().default(0), to: z.int(), pad: z.int().default(0) }),
    taken: matcher.optional().describe('how many; default all'),
    fails,
  }),
  ready: z.strictObject({ ready: z.strictObject({ timeout_ms }), fails }),
  flush: z.strictObject({ flush: z.strictObject({ timeout_ms }), fails }),
  close: z.strictObject({ close: z.strictObject({ timeout_ms, pending: matcher.default(0) }) }),
  begin: z
    .strictObject({ begin: z.enum(['flush', 'close', 'ready']), timeout_ms })
    .describe('the next steps run while it does'),
  ends: z.strictObject({
    ends: z.enum(['flush', 'close', 'ready']).describe('what `begin` began'),
    fails,
    pending: matcher.optional(),
  }),
  wait: z.strictObject({ wait: condition }).describe('until it holds'),
  check: z.strictObject({ check: condition }).describe('it holds now'),
  client: z
    .strictObject({ client: z.enum(['kill', 'end', 'start']) })
    .describe('the process: SIGKILL, the end of its input, a new one'),
  gateway: z.strictObject({ gateway: z.enum(['kill', 'stop', 'start']) }).describe('SIGKILL, SIGTERM, a new process'),
  network: z.strictObject({ network: z.enum(['normal', 'cut', 'refuse', 'half_open', 'dead', 'release']) }),
  fault: z.strictObject({ fault }),
  producer: z
    .strictObject({
      producer: z.strictObject({
        stream: z.string(),
        texts: z.array(z.string()).default([]),
        epoch: z.int().optional(),
      }),
    })
    .describe('another producer POSTs to the stream, past the proxy'),
  delete: z.strictObject({ delete: z.string() }).describe('a stream'),
  token: z.strictObject({ token: z.strictObject({ create: z.string().optional(), revoke: z.string().optional() }) }),
  spool: z.strictObject({ spool: z.record(z.string(), z.string()) }).describe('writes files into the spool'),
}

type Verb = keyof typeof steps
export type Step = { [V in Verb]: { verb: V } & z.infer<(typeof steps)[V]> }[Verb]

/** A step is named by its first key, so that an error tells the key that is wrong and not all that a step might be. */
export const step = z.unknown().transform((value, context): Step => {
  const written = typeof value === 'string' ? { [value]: {} } : Object(value)
  const verb = Object.keys(written).find(key => key in steps) as Verb | undefined
  if (verb === undefined) {
    context.addIssue({ code: 'custom', message: `no such step; there are ${Object.keys(steps).join(', ')}` })
    return z.NEVER
  }
  const result = steps[verb].safeParse(written)
  if (result.success) return { verb, ...result.data } as Step
  for (const issue of result.error.issues) context.addIssue({ ...issue, path: issue.path } as never)
  return z.NEVER
})

/** For `cases/README.md`: each word and what it does. */
export const verbs = Object.keys(steps)
