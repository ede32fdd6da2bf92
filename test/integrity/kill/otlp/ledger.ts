import { appendFileSync, readFileSync } from 'node:fs'

/** What a producer writes down: each time it sends a request, and when that is acknowledged. */
export type Entry = { lane: string; request: number; event: 'sent' | 'acked' }

/** A lane that says offsets: its requests stand once each, in order, in the stream of its name. */
export const isExact = (lane: string): boolean => lane.includes('-once-')

export interface Promised {
  /** times that each request was sent */
  sent: number[]
  acked: Set<number>
}

export const write = (ledger: string, entry: Entry): void => appendFileSync(ledger, `${JSON.stringify(entry)}\n`)

export function read(ledger: string): Map<string, Promised> {
  const lanes = new Map<string, Promised>()
  for (const line of readFileSync(ledger, 'utf8').trim().split('\n')) {
    const { lane, request, event } = JSON.parse(line) as Entry
    let promised = lanes.get(lane)
    if (promised === undefined) lanes.set(lane, (promised = { sent: [], acked: new Set() }))
    if (event === 'acked') promised.acked.add(request)
    else promised.sent[request] = (promised.sent[request] ?? 0) + 1
  }
  return lanes
}
