import type { OpenPartition } from '../../drivers/lake/manifest.ts'

/** When files are sealed. Pure. */

export interface Limits {
  rowsPerFile: number
  /** bytes */
  targetSize: number
  /** ms */
  maxAge: number
  maxOpen: number
}

/** A partition as it stands: what is staged of it, and the rows that came. */
export interface Standing {
  key: string
  values: (string | null)[]
  open: OpenPartition | undefined
  freshRows: number
  /** in memory */
  freshBytes: number
}

/**
 * What becomes of a partition's rows. `seal`: `full` files of `cut` rows, and of the rest one more file, where `rest` says
 * so; what is left goes on waiting. `piece`: the fresh rows wait in a file of their own. Fresh rows without a move wait in
 * a chunk together with those of other partitions.
 */
export interface Move {
  standing: Standing
  do: 'seal' | 'piece'
  cut: number
  full: number
  rest: boolean
  rows: number
  /** bytes of its rows in memory, about */
  memory: number
}

/** Fresh rows that are worth a file of their own. */
const pieceRows = 8192
const pieceBytes = 1024 * 1024

/** What to do, the most urgent first. `ratio`: bytes of files for each byte in memory. `all`: nothing may stay open. */
export function movesOf(
  standings: readonly Standing[],
  { rowsPerFile, targetSize, maxAge, maxOpen }: Limits,
  { ratio, now, all }: { ratio: number; now: number; all: boolean },
): Move[] {
  const since = ({ open }: Standing) => open?.since ?? now
  const touched = ({ open, freshRows }: Standing) => (freshRows > 0 ? now : (open?.touched ?? now))
  const surplus = Math.max(0, standings.length - maxOpen)
  const idle = new Set(surplus === 0 ? [] : [...standings].sort((a, b) => touched(a) - touched(b)).slice(0, surplus))
  const moves: Move[] = []
  for (const standing of standings) {
    const { open, freshRows, freshBytes } = standing
    const rows = (open?.rows ?? 0) + freshRows
    const bytes = (open?.bytes ?? 0) + freshBytes * ratio
    const cut = Math.max(1, Math.min(rowsPerFile, Math.floor((rows * targetSize) / Math.max(bytes, 1))))
    const full = Math.floor(rows / cut)
    const rest = all || idle.has(standing) || now - since(standing) >= maxAge
    const memory = (open?.memory ?? 0) + freshBytes
    if (full > 0 || rest) moves.push({ standing, do: 'seal', cut, full, rest, rows, memory })
    else if (freshRows >= pieceRows || freshBytes >= pieceBytes)
      moves.push({ standing, do: 'piece', cut, full: 0, rest: false, rows: freshRows, memory: freshBytes })
  }
  const urgency = ({ full, do: what }: Move) => (full > 0 ? 0 : what === 'seal' ? 1 : 2)
  return moves.sort((a, b) => urgency(a) - urgency(b) || since(a.standing) - since(b.standing))
}
