/** A seeded generator (mulberry32), so that a run can be repeated. */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The k-th event of a stream: its text alone says where it belongs. */
export function eventText(stream: string, k: number): string {
  return `{"stream":${JSON.stringify(stream)},"k":${k},"pad":"${'x'.repeat((k * 7919) % 211)}"}`
}

export function eventTexts(stream: string, from: number, count: number): string {
  let text = ''
  for (let k = from; k < from + count; k++) text += `${eventText(stream, k)}\n`
  return text
}
