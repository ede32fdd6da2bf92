import type { Hono } from 'hono'
import { AppError } from '../../core/errors.ts'
import { header, mediaType } from '../../core/protocol.ts'
import type { Identity } from '../auth.ts'
import { type AppDeps, authorize, type Ctx, type Env, wholeNumber } from '../context.ts'
import type { StoredEvent, StreamInfo } from '../store/store.ts'

const listMost = 1000
const eventsMost = 10_000

export function streams(app: Hono<Env>, deps: AppDeps): void {
  const { store } = deps

  /** The key is the rest of the path, decoded: it may hold anything but control characters. */
  function keyOf(c: Ctx): string {
    const { pathname } = new URL(c.req.url)
    const encoded = pathname.slice('/v1/streams/'.length).replace(/\/events$/, '')
    try {
      return decodeURIComponent(encoded)
    } catch {
      throw new AppError('bad_request', `the stream key ${JSON.stringify(encoded)} is not percent-encoded UTF-8`)
    }
  }

  async function find(c: Ctx, identity: Identity): Promise<StreamInfo> {
    const key = keyOf(c)
    const stream = await store.getStream({ tenant: identity.tenant, key })
    if (stream === undefined) throw new AppError('not_found', `there is no stream ${JSON.stringify(key)}`)
    return stream
  }

  app.get('/v1/streams', async c => {
    const { tenant } = authorize(c, deps, 'read')
    const limit = wholeNumber(c, 'limit', 100, listMost, 1)
    const rows = await store.listStreams({ tenant, after: wholeNumber(c, 'after', 0, Number.MAX_SAFE_INTEGER), limit })
    return c.json({ streams: rows.map(present), next: rows.length === limit ? (rows.at(-1)?.stream_id ?? null) : null })
  })

  app.get('/v1/streams/:key/events', async c => {
    const stream = await find(c, authorize(c, deps, 'read'))
    const from = wholeNumber(c, 'from', 0, Number.MAX_SAFE_INTEGER)
    const limit = wholeNumber(c, 'limit', 1000, eventsMost, 1)
    const { events, next } = await store.readStream(stream.stream_id, from, limit)
    const line = c.req.query('envelope') === '1' ? envelope : ({ payload }: StoredEvent) => payload
    return c.body(events.map(row => `${line(row)}\n`).join(''), 200, {
      'content-type': mediaType.ndjson,
      [header.next]: String(next),
      // read before the page: a client is at the end once `next` has reached it
      [header.count]: String(stream.count),
    })
  })

  // Hono answers HEAD by the GET route; the body is left out
  app.get('/v1/streams/:key', async c => {
    // a producer resumes at the count: ingest is enough for HEAD
    const stream = await find(
      c,
      authorize(c, deps, ...(c.req.method === 'HEAD' ? (['read', 'ingest'] as const) : (['read'] as const))),
    )
    return c.json(present(stream), 200, { [header.count]: String(stream.count), [header.epoch]: String(stream.epoch) })
  })

  app.delete('/v1/streams/:key', async c => {
    const { tenant } = authorize(c, deps, 'admin')
    const key = keyOf(c)
    if (!(await store.deleteStream({ tenant, key })))
      throw new AppError('not_found', `there is no stream ${JSON.stringify(key)}`)
    return c.json({ deleted: true })
  })
}

const present = (stream: StreamInfo) => ({ ...stream, headers: JSON.parse(stream.headers) as unknown })

/** The payload stays byte for byte: it is put in as text. */
const envelope = ({ stream_index, received_at, payload }: StoredEvent) =>
  `{"index":${stream_index},"received_at":${received_at},"payload":${payload}}`
