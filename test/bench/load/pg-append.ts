/** Callers that append blocks of events to a Postgres store at once, each to a stream of its own. */
import type { Frames } from '../../../core/framing/framing.ts'
import { openStore } from '../../../gateway/store/index.ts'
import { blockDigitsOf, eventBytes, eventLines, stamp } from './events.ts'
import { answer, workerConfig } from './worker.ts'

export interface PgAppendConfig {
  store: string
  callers: number
  /** events of one append */
  rows: number
  warmup: number
  seconds: number
}

export interface PgAppendResult {
  eventsPerSecond: number
  /** events of one commit */
  commitSize: number
  /** durable at the end; the benchmark counts them */
  events: number
}

const stride = eventBytes + 1

async function pgAppend({ store: url, callers, rows, warmup, seconds }: PgAppendConfig): Promise<PgAppendResult> {
  const store = await openStore(url)
  let block = 0

  async function call(caller: number, until: number): Promise<void> {
    const body = eventLines(rows, caller)
    const bytes = new Uint8Array(body.length)
    const spans = Uint32Array.from({ length: rows * 2 }, (_, k) => (k >> 1) * stride + (k & 1) * eventBytes)
    const frames: Frames = { bytes, spans, count: rows, dead: [] }
    while (performance.now() < until) {
      stamp(body, 0, stride, rows, blockDigitsOf(block++))
      bytes.set(body)
      const outcome = await store.append({
        tenant: '',
        key: `bench/${caller}`,
        opening: { transport: 'http', headers: '{"host":"localhost"}', remoteAddr: '127.0.0.1' },
        epoch: undefined,
        offset: undefined,
        receivedAt: Date.now() * 1000,
        frames,
        last: false,
      })
      if (!outcome.ok || outcome.accepted !== rows) throw new Error(`an append was refused: ${JSON.stringify(outcome)}`)
    }
  }

  async function run(forSeconds: number) {
    const before = store.stats()
    const begun = performance.now()
    await Promise.all(Array.from({ length: callers }, (_, k) => call(k, begun + forSeconds * 1000)))
    const after = store.stats()
    const events = after.events - before.events
    return {
      eventsPerSecond: (events * 1000) / (performance.now() - begun),
      commitSize: events / (after.commits - before.commits),
    }
  }

  await run(warmup)
  const measured = await run(seconds)
  const { events } = store.stats()
  await store.close()
  return { ...measured, events }
}

if (import.meta.main) await answer(() => pgAppend(workerConfig()))
