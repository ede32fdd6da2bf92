import type { Hono } from 'hono'
import { AppError } from '../../core/errors.ts'
import { mediaType } from '../../core/protocol.ts'
import { type AppDeps, authorize, type Ctx, type Env, queryValue } from '../context.ts'
import { follow } from '../follower.ts'
import type { TailQuery } from '../store/store.ts'

const pageEvents = 500

/** The live tail as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export function tail(app: Hono<Env>, deps: AppDeps): void {
  app.get('/v1/tail', async c => {
    const identity = authorize(c, deps, 'read')
    const query = await queryOf(c, deps, identity.tenant)
    const headers = { 'content-type': mediaType.sse, 'cache-control': 'no-store', 'x-accel-buffering': 'no' }
    // Hono answers HEAD by this route too: nobody would read the follower that it starts
    if (c.req.method === 'HEAD') return new Response(null, { headers })
    // the first page before the headers: a bad filter is a 400, not a broken stream
    const first = await deps.store.readTail(query)
    return new Response(follow(deps, identity, query, first, c.req.raw.signal), { headers })
  })
}

async function queryOf(c: Ctx, { store }: AppDeps, tenant: string): Promise<TailQuery> {
  const key = queryValue(c, 'stream')
  const stream = key === undefined ? undefined : await store.getStream({ tenant, key })
  if (key !== undefined && stream === undefined)
    throw new AppError('not_found', `there is no stream ${JSON.stringify(key)}: it can be followed once it has begun`)
  return {
    after: await startOf(c, store),
    limit: pageEvents,
    tenant,
    streamId: stream?.stream_id,
    where: queryValue(c, 'where'),
  }
}

/** `Last-Event-ID` is the last one seen; `from` the first one wanted, `earliest`, or `latest` (the default). */
async function startOf(c: Ctx, store: AppDeps['store']): Promise<number> {
  const seen = c.req.header('last-event-id')
  const from = queryValue(c, 'from') ?? 'latest'
  if (seen !== undefined && /^\d{1,16}$/.test(seen)) return Number(seen)
  if (from === 'latest') return store.lastEventId()
  if (from === 'earliest') return 0
  if (/^\d{1,16}$/.test(from)) return Math.max(0, Number(from) - 1)
  throw new AppError('bad_request', `from is ${JSON.stringify(from)}: it can be an event id, earliest or latest`)
}
