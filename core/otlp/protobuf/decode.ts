import { AppError } from '../../errors.ts'
import type { Records, Signal } from '../records.ts'
import { Head } from './head.ts'
import { LogReader } from './logs.ts'
import { MetricReader } from './metrics.ts'
import { type OtlpDecodeOptions, Request } from './request.ts'
import { SpanReader } from './spans.ts'
import { fields, Refusal, type Wire } from './wire.ts'

/*
 * The envelope is the same for the three signals:
 * message Export…ServiceRequest { repeated Resource… groups = 1; }
 * message Resource…             { Resource resource = 1; repeated Scope… scopes = 2; string schema_url = 3; }
 * message Scope…                { InstrumentationScope scope = 1; repeated … records = 2; string schema_url = 3; }
 */
const GROUP = 0x0a
const groupFields = fields(1)
const HEAD = 0x0a
const ITEM = 0x12
const SCHEMA_URL = 0x1a
const partFields = fields(1, 2, 3)

const readers = {
  logs: (request: Request, head: Head) => new LogReader(request, head),
  traces: (request: Request, head: Head) => new SpanReader(request, head),
  metrics: (request: Request, head: Head) => new MetricReader(request, head),
}

/** What reads the items of a scope: log records, spans, or metrics with their points. */
export interface ItemReader {
  /** A scope begins whose items are `count`. */
  scope(count: number): void
  item(start: number, end: number): void
}

export type { OtlpDecodeOptions }

/**
 * The rows of an OTLP `Export…ServiceRequest`.
 *
 * @throws AppError `bad_request` where the request as a whole is broken, `body_too_large` where its rows would take more
 * memory than `maxMemory`
 */
export function decodeOtlp(signal: Signal, body: Uint8Array, options: OtlpDecodeOptions = {}): Records {
  const request = new Request(body, options)
  const { wire } = request
  const head = new Head(request)
  const reader = readers[signal](request, head)
  try {
    let at = 0
    while (at < body.length) {
      wire.pos = at
      const tag = wire.tag(body.length)
      if (tag === GROUP) {
        at = wire.length(body.length)
        resource(request, head, reader, wire.pos, at)
      } else {
        wire.skip(tag, body.length, groupFields)
        at = wire.pos
      }
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    throw new AppError('bad_request', `the ${signal} request is broken at byte ${error.at}: ${error.reason}`)
  }
  return request.finish()
}

function resource(request: Request, head: Head, reader: ItemReader, start: number, end: number): void {
  const { wire } = request
  const part = new Part(wire, start, end)
  if (part.items === 0) return
  request.refusal = undefined
  request.guard('the resource', () => head.readResource(part.heads))
  const { refusal } = request
  let at = start
  while ((at = nextItem(wire, at, end)) < end) {
    const scopeEnd = wire.length(end)
    request.refusal = refusal
    scope(request, head, reader, part, wire.pos, (at = scopeEnd))
  }
}

function scope(request: Request, head: Head, reader: ItemReader, group: Part, start: number, end: number): void {
  const { wire } = request
  const part = new Part(wire, start, end)
  if (part.items === 0) return
  request.guard('the scope', () => {
    const from = part.urlStart < part.urlEnd ? part : group
    head.readSchemaUrl(from.urlStart, from.urlEnd)
    head.readScope(part.heads)
  })
  reader.scope(part.items)
  let at = start
  while ((at = nextItem(wire, at, end)) < end) {
    at = wire.length(end)
    reader.item(wire.pos, at)
  }
}

/** Passes over fields up to the length of the next item, and says where that is: `end` where there is none. */
function nextItem(wire: Wire, at: number, end: number): number {
  wire.pos = at
  while (wire.pos < end) {
    const tag = wire.tag(end)
    if (tag === ITEM) return wire.pos
    wire.skip(tag, end, 0)
  }
  return end
}

/** What a resource's or a scope's message has around its items; they come in any order, so that it is read first. */
class Part {
  readonly heads: number[] = []
  items = 0
  urlStart = 0
  urlEnd = 0

  constructor(wire: Wire, start: number, end: number) {
    wire.pos = start
    while (wire.pos < end) {
      const tag = wire.tag(end)
      if (tag !== HEAD && tag !== ITEM && tag !== SCHEMA_URL) {
        wire.skip(tag, end, partFields)
        continue
      }
      const to = wire.length(end)
      if (tag === ITEM) this.items++
      else if (tag === HEAD) this.heads.push(wire.pos, to)
      else {
        this.urlStart = wire.pos
        this.urlEnd = to
      }
      wire.pos = to
    }
  }
}
