import { isDeepStrictEqual } from 'node:util'
import type { NodeContext, Position, Source, SourceReader, SourceRows } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { HybridConfig, Kinds } from './hybrid.ts'
import { openPhases, type Phases } from './phases.ts'
import { type Place, placeOf, positionOf } from './position.ts'

export async function openHybrid(config: HybridConfig, context: NodeContext, kinds: Kinds): Promise<Source> {
  const phases = await openPhases(config, context, kinds)
  const last = phases.count - 1
  /** phases before this are over in a checkpoint, and need no position any more */
  let settled = 0

  async function start(): Promise<Position> {
    const inner = new Map<number, Position>()
    for (let index = 0; index < last; index++) inner.set(index, await phases.phase(index).source.start())
    return positionOf({ phase: 0, handover: phases.handover, inner })
  }

  return {
    schema: phases.schema,
    ...(phases.unbounded.primaryKey && { primaryKey: phases.unbounded.primaryKey }),
    bounded: context.jobMode,
    start,
    read(from, to) {
      const place = placeOf(from, phases.count)
      const end = to && placeOf(to, phases.count)
      const through = end?.phase ?? (context.jobMode ? last - 1 : last)
      return readPhases(phases, place, { through, end, to, settled: () => settled })
    },
    async finalized(position) {
      const { phase, inner } = placeOf(position, phases.count)
      settled = Math.max(settled, phase)
      const own = inner.get(phase)
      if (own !== undefined) await phases.phase(phase).source.finalized?.(own)
    },
    close: phases.close,
  }
}

interface Limits {
  /** the last phase to read */
  through: number
  /** read again exactly up to here */
  end: Place | undefined
  to: Position | undefined
  settled(): number
}

function readPhases(phases: Phases, from: Place, { through, end, to, settled }: Limits): SourceReader {
  let current: SourceReader | undefined
  let isClosed = false
  const rows = readAll()

  async function* readAll(): AsyncGenerator<SourceRows, undefined> {
    const inner = new Map(from.inner)
    // held back where an epoch is read again, since only its last batch has the position `to`
    let held: SourceRows | undefined
    for (let index = from.phase; index <= through && !isClosed; index++) {
      const limit = end?.inner.get(index)
      const begin = inner.get(index) ?? (index === phases.count - 1 ? from.handover : undefined)
      if (end !== undefined && (limit === undefined || isDeepStrictEqual(limit, begin))) continue
      if (begin === undefined)
        throw new PipelineError('state', `the position has nothing of phase ${index}, which is to be read`)
      const { source, align } = phases.phase(index)
      const reader = source.read(begin, limit)
      current = reader
      try {
        for (let next = await reader.next(); next !== undefined; next = await reader.next()) {
          inner.set(index, next.position)
          const batch = align(next.batch)
          const left = new Map([...inner].filter(([phase]) => phase >= settled()))
          const item = { batch, position: positionOf({ phase: index, handover: from.handover, inner: left }) }
          if (end === undefined) yield item
          else {
            if (held) yield held
            held = item
          }
        }
      } finally {
        // not where `close` did
        if (current === reader) {
          current = undefined
          await reader.close()
        }
      }
    }
    if (held) yield { ...held, position: to! }
  }

  return {
    async next() {
      const { value, done } = await rows.next()
      return done ? undefined : value
    },
    async close() {
      isClosed = true
      // a call of next may wait in there
      const reader = current
      current = undefined
      await reader?.close()
      await rows.return(undefined)
    },
  }
}
