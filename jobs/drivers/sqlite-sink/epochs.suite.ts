/** Rows that anyone can make again from the number of their epoch. */

export const epochTypes = { id: 'int64', team: 'utf8', points: 'int64', weight: 'float64' } as const

export interface EpochRow {
  id: number
  team: string | null
  points: number | null
  weight: number
  _gs_op: 'i' | 'u' | 'd'
  [column: string]: string | number | null
}

const ids = 60

export function epochRows(epoch: number): EpochRow[] {
  const random = generator(epoch)
  return Array.from({ length: 250 }, () => ({
    id: random(ids),
    team: random(8) === 0 ? null : `team ${random(5)}`,
    points: random(10) === 0 ? null : random(1000) - 500,
    weight: random(400) / 4,
    _gs_op: random(4) === 0 ? 'd' : random(2) === 0 ? 'u' : 'i',
  }))
}

/** What is there after all epochs up to this one. */
export function rowsAfter(epoch: number): EpochRow[] {
  const rows = new Map<number, EpochRow>()
  for (let next = 1; next <= epoch; next++)
    for (const row of epochRows(next)) {
      if (row._gs_op === 'd') rows.delete(row.id)
      else rows.set(row.id, row)
    }
  return [...rows.values()].sort((a, b) => a.id - b.id)
}

/** Whole numbers below the limit, the same for the same seed (mulberry32). */
export function generator(seed: number): (limit: number) => number {
  let state = seed * 0x9e3779b9
  return limit => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}
