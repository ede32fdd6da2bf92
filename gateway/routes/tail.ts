import type { Hono } from 'hono'
import { AppError, toAppError } from '../../core/errors.ts'
import { mediaType } from '../../core/protocol.ts'
import { type AppDeps, authorize, type Ctx, type Env } from '../context.ts'
import type { TailPage, TailQuery } from '../store/store.ts'

const pageEvents = 500

/** The live tail as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export function tail(app: Hono<Env>, deps: AppDeps): void {
  app.get('/v1/tail', async c => {
    const { tenant } = authorize(c, deps, 'read')
    const query = await queryOf(c, deps, tenant)
    // the first page before the headers: a bad filter is a 400, not a broken stream
    const first = await deps.store.readTail(query)
    return new Response(follow(deps, query, first, c.req.raw.signal), {
      headers: { 'content-type': mediaType.sse, 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
    })
  })
}

async function queryOf(c: Ctx, { store }: AppDeps, tenant: string): Promise<TailQuery> {
  const key = c.req.query('stream')
  const stream = key === undefined ? undefined : await store.getStream({ tenant, key })
  if (key !== undefined && stream === undefined)
    throw new AppError('not_found', `there is no stream ${JSON.stringify(key)}: it can be followed once it has begun`)
  return {
    after: await startOf(c, store),
    limit: pageEvents,
    tenant,
    streamId: stream?.stream_id,
    where: c.req.query('where'),
  }
}

/** `Last-Event-ID` is the last one seen; `from` the first one wanted, `earliest`, or `latest` (the default). */
async function startOf(c: Ctx, store: AppDeps['store']): Promise<number> {
  const seen = c.req.header('last-event-id')
  const from = c.req.query('from') ?? 'latest'
  if (seen !== undefined && /^\d{1,16}$/.test(seen)) return Number(seen)
  if (from === 'latest') return store.lastEventId()
  if (from === 'earliest') return 0
  if (/^\d{1,16}$/.test(from)) return Math.max(0, Number(from) - 1)
  throw new AppError('bad_request', `from is ${JSON.stringify(from)}: it can be an event id, earliest or latest`)
}

/** Pages from the store as the follower takes them: it is never ahead of what is durable, and holds no writer up. */
function follow(deps: AppDeps, start: TailQuery, first: TailPage, gone: AbortSignal): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const { heartbeatMs, slowMs } = deps.tail
  const query = { ...start }
  let page: TailPage | undefined = first
  let wake: () => void = () => {}
  let news = true
  let closed = false
  let slow: ReturnType<typeof setTimeout> | undefined

  const stopListening = deps.store.onCommit(() => {
    news = true
    wake()
  })
  const onStop = () => wake()
  deps.stopSignal.addEventListener('abort', onStop)
  gone.addEventListener('abort', () => release())
  deps.tailMetrics.followers.add(1)

  function release(): void {
    if (closed) return
    closed = true
    clearTimeout(slow)
    stopListening()
    deps.stopSignal.removeEventListener('abort', onStop)
    deps.tailMetrics.followers.add(-1)
    wake()
  }

  const sleep = (ms: number) =>
    new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  async function pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    clearTimeout(slow)
    const say = (text: string) => {
      if (!closed) controller.enqueue(encoder.encode(text))
    }
    const cut = (event: 'cut' | 'error', code: string, message: string) => {
      say(`event: ${event}\ndata: ${JSON.stringify({ code, message, resume_after: query.after })}\n\n`)
      if (!closed) controller.close()
      release()
    }
    try {
      for (;;) {
        if (closed) return
        if (deps.stopSignal.aborted) return cut('cut', 'stopping', 'the gateway stops: connect again')
        if (page === undefined) {
          news = false
          page = await deps.store.readTail(query)
          if (closed) return
        }
        const { events, next } = page
        page = undefined
        const moved = next > query.after
        query.after = next
        if (events.length > 0) {
          say(events.map(render).join(''))
          break
        }
        if (moved || news || deps.stopSignal.aborted) continue
        const before = performance.now()
        await sleep(heartbeatMs)
        if (!news && performance.now() - before >= heartbeatMs) {
          say(`: heartbeat\nid: ${query.after}\n\n`)
          break
        }
      }
      if (closed) return
      slow = setTimeout(
        () =>
          cut(
            'cut',
            'slow',
            `the follower took nothing for ${slowMs / 1000} s: connect again with Last-Event-ID ${query.after}`,
          ),
        slowMs,
      )
    } catch (thrown) {
      const { code, message } = toAppError(thrown)
      cut('error', code, message)
    }
    return undefined
  }

  return new ReadableStream(
    {
      start: controller => controller.enqueue(encoder.encode(`: connected\nid: ${query.after}\n\n`)),
      pull,
      cancel: release,
    },
    { highWaterMark: 2 },
  )
}

function render(event: TailPage['events'][number]): string {
  const { event_id, stream_key, stream_index, received_at, payload } = event
  // a carriage return outside strings may be in a payload, and would end the SSE line
  const text = payload.includes('\r') ? payload.replaceAll('\r', ' ') : payload
  return `id: ${event_id}\ndata: {"event_id":${event_id},"stream":${JSON.stringify(stream_key)},"index":${stream_index},"received_at":${received_at},"payload":${text}}\n\n`
}
