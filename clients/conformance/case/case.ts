import * as z from 'zod'
import { fault } from '../proxy/faults.ts'
import { type condition, expectation } from './expectation.ts'
import { step } from './step.ts'

/** The one schema of a case; `cases/README.md` tells it in prose. Unknown keys are errors everywhere. */

export const transports = ['websocket', 'post'] as const
export type TransportName = (typeof transports)[number]

const token = z.strictObject({
  scope: z.string().default('ingest'),
  events_per_second: z.int().optional(),
})

const given = z.strictObject({
  gateway: z
    .strictObject({
      event: z.string().optional(),
      body: z.string().optional(),
      depth: z.int().optional(),
    })
    .optional()
    .describe('a gateway of its own, with these limits'),
  tokens: z.record(z.string(), token).default({}).describe('tokens that the gateway knows, by the name that cases use'),
  streams: z
    .record(z.string(), z.strictObject({ events: z.array(z.string()).default([]), epoch: z.int().optional() }))
    .default({})
    .describe('what is stored before the client starts'),
  spool: z.record(z.string(), z.string()).default({}).describe('files of the spool, by name'),
  faults: z.array(fault).default([]).describe('what the proxy does'),
})

export const caseSchema = z.strictObject({
  name: z.string().min(10).describe('a sentence'),
  rule: z
    .array(z.string().regex(/^\d\.\d+$/))
    .min(1)
    .describe('numbers of PROTOCOL.md'),
  transports: z
    .array(z.enum(transports))
    .min(1)
    .default([...transports]),
  needs: z
    .array(z.enum(['spool']))
    .default([])
    .describe('features of the client'),
  smoke: z.boolean().default(false).describe('one of the few that run on every runtime in `npm test`'),
  timeout_ms: z.int().default(20_000).describe('of the whole case'),
  setup: given.prefault({}),
  steps: z.array(step).min(1),
  expect: expectation.prefault({}),
})

export type Case = z.infer<typeof caseSchema> & { theme: string }
export type { Step } from './step.ts'
export type Condition = z.infer<typeof condition>
export type Expectation = z.infer<typeof expectation>
