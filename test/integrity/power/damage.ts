import type { Change } from './content.ts'
import type { Random } from './random.ts'

/** A disk writes a sector whole or not at all; what it holds where power failed in between is anybody's guess. */
const sectorBytes = 512

/**
 * What became of the changes that no sync covered. Their order stays, since the page cache holds only the newest
 * state of a byte: an older write can survive a newer one (that was dropped), but cannot overwrite it.
 *
 * Only bytes that one of the changes wrote can differ from what was synced. SQLite relies on that
 * (sqlite.org/psow.html): a write of 24 bytes does not harm its neighbours in the sector.
 */
export function damage(random: Random, unsynced: readonly Change[]): Change[] {
  switch (random.pick(['all', 'none', 'prefix', 'prefix', 'each', 'each', 'each'])) {
    case 'all':
      return [...unsynced]
    case 'none':
      return []
    case 'prefix': {
      const kept = unsynced.slice(0, random.below(unsynced.length + 1))
      const torn = unsynced[kept.length]
      return torn === undefined ? kept : [...kept, ...fate(random, torn)]
    }
    default:
      return unsynced.flatMap(change => fate(random, change))
  }
}

/** What one change left on the disk. */
function fate(random: Random, change: Change): Change[] {
  const outcome = random.pick([
    'kept',
    'kept',
    'kept',
    'kept',
    'dropped',
    'dropped',
    'truncated',
    'zeroed',
    'scrambled',
  ])
  if (outcome === 'kept') return [change]
  if (outcome === 'dropped' || change.kind === 'resize') return []
  const { offset, bytes } = change
  if (outcome === 'zeroed') return [{ kind: 'write', offset, bytes: Buffer.alloc(bytes.length) }]
  if (outcome === 'truncated')
    return [{ kind: 'write', offset, bytes: bytes.subarray(0, random.below(bytes.length + 1)) }]
  return sectors(offset, bytes).flatMap(sector => scramble(random, sector))
}

type Write = Extract<Change, { kind: 'write' }>

function scramble(random: Random, sector: Write): Write[] {
  switch (random.pick(['new', 'old', 'zeros', 'noise'])) {
    case 'new':
      return [sector]
    case 'old':
      return []
    case 'zeros':
      return [{ ...sector, bytes: Buffer.alloc(sector.bytes.length) }]
    default:
      return [{ ...sector, bytes: random.bytes(sector.bytes.length) }]
  }
}

/** A write cut where the sectors of the disk begin. */
function sectors(offset: number, bytes: Uint8Array): Write[] {
  const parts: Write[] = []
  for (let start = 0; start < bytes.length; ) {
    const end = Math.min(bytes.length, start + sectorBytes - ((offset + start) % sectorBytes))
    parts.push({ kind: 'write', offset: offset + start, bytes: bytes.subarray(start, end) })
    start = end
  }
  return parts
}

/** Which of the unsynced changes of a directory survived. */
export function survivors<T>(random: Random, unsynced: readonly T[]): T[] {
  switch (random.pick(['all', 'none', 'prefix', 'each'])) {
    case 'all':
      return [...unsynced]
    case 'none':
      return []
    case 'prefix':
      return unsynced.slice(0, random.below(unsynced.length + 1))
    default:
      return unsynced.filter(() => random.chance(0.5))
  }
}
