/** Event n of a lane: its text alone says where it belongs. Producers in other languages make the same bytes. */
export const eventOf = (lane: string, n: number) => ({ lane, n, pad: padOf(n) })

export const eventText = (lane: string, n: number): string => JSON.stringify(eventOf(lane, n))

/** 0 to 210 characters */
const padOf = (n: number) => 'x'.repeat((n * 7919) % 211)
