import { type AppError, toAppError } from '../core/errors.ts'
import type { Identity } from './auth.ts'
import type { AppDeps } from './context.ts'
import type { TailPage, TailQuery } from './store/store.ts'

/** Failures of a store that will pass: the follower keeps its place and waits, for as long as the store says or this. */
const passing = new Set<string>(['store_busy', 'store_unavailable'] satisfies AppError['code'][])
const retrySeconds = 1

/** Pages from the store as the follower takes them: it is never ahead of what is durable, and holds no writer up. */
export function follow(
  deps: Pick<AppDeps, 'store' | 'tail' | 'tailMetrics' | 'stopSignal'>,
  identity: Identity,
  start: TailQuery,
  first: TailPage,
  gone: AbortSignal,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const { heartbeatMs, slowMs } = deps.tail
  const query = { ...start }
  let controller: ReadableStreamDefaultController<Uint8Array>
  let page: TailPage | undefined = first
  let wake: () => void = () => {}
  let news = true
  /** it sleeps because the store failed: news do not wake it */
  let failing = false
  let closed = false
  let saidAt = performance.now()
  let slow: ReturnType<typeof setTimeout> | undefined
  let stopListening: (() => void)[] = []

  function listen(): void {
    const onStop = () => cut('cut', 'stopping', 'the gateway stops: connect again')
    const onGone = () => release()
    stopListening = [
      deps.store.onCommit(() => {
        news = true
        if (!failing) wake()
      }),
      () => deps.stopSignal.removeEventListener('abort', onStop),
      () => gone.removeEventListener('abort', onGone),
    ]
    deps.stopSignal.addEventListener('abort', onStop)
    gone.addEventListener('abort', onGone)
    deps.tailMetrics.followers.add(1)
    stopListening.push(identity.onEnd(({ code, message }) => cut('error', code, message)))
    if (deps.stopSignal.aborted) onStop()
    if (gone.aborted) onGone()
  }

  function release(): void {
    if (closed) return
    closed = true
    clearTimeout(slow)
    for (const stop of stopListening) stop()
    deps.tailMetrics.followers.add(-1)
    wake()
  }

  function say(text: string): void {
    controller.enqueue(encoder.encode(text))
    saidAt = performance.now()
  }

  /** The last message. It has the position as its id too: an EventSource connects again behind that by itself. */
  function cut(event: 'cut' | 'error', code: string, message: string): void {
    if (closed) return
    const { after } = query
    say(`event: ${event}\ndata: ${JSON.stringify({ code, message, resume_after: after })}\nid: ${after}\n\n`)
    controller.close()
    release()
  }

  const sleep = (ms: number) =>
    new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  async function read(): Promise<TailPage> {
    news = false
    try {
      return await deps.store.readTail(query)
    } catch (thrown) {
      const { code, details } = toAppError(thrown)
      if (!passing.has(code)) throw thrown
      news = true
      failing = true
      // not all at once: those that wait were refused together
      if (!closed) await sleep((details.retryAfter ?? retrySeconds) * 1000 * (0.5 + Math.random() / 2))
      failing = false
      return { events: [], next: query.after }
    }
  }

  /** Says the next events, or a heartbeat, or ends the stream. */
  async function advance(): Promise<void> {
    while (!closed) {
      const { events, next } = page ?? (await read())
      page = undefined
      if (closed) return
      const before = query.after
      query.after = next
      if (next < before)
        return cut(
          'cut',
          'gap',
          `event ${before} is not in this store, which ends at ${next}: it was replaced, or reset`,
        )
      if (events.length > 0) return say(events.map(render).join(''))
      const rest = saidAt + heartbeatMs - performance.now()
      if (rest <= 0) return say(`: heartbeat\nid: ${next}\n\n`)
      if (next === before && !news) await sleep(rest)
    }
  }

  async function pull(): Promise<void> {
    clearTimeout(slow)
    try {
      await advance()
    } catch (thrown) {
      const { code, message } = toAppError(thrown)
      cut(code === 'stopping' ? 'cut' : 'error', code, message)
    }
    if (closed) return
    const message = `the follower took nothing for ${slowMs / 1000} s: connect again with Last-Event-ID ${query.after}`
    slow = setTimeout(() => cut('cut', 'slow', message), slowMs)
  }

  return new ReadableStream(
    {
      start(given) {
        controller = given
        say(`: connected\nid: ${query.after}\n\n`)
        listen()
      },
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
