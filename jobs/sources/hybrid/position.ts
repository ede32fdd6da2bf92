import type { Json, Position } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'

/**
 * How far a hybrid source is: `{ phase, handover, 'INDEX:PARTITION': … }`. The bounded phases count from 0; the last
 * phase is the unbounded source. `handover` is where that begins, and was taken before anything was read.
 */
export interface Place {
  phase: number
  handover: Position
  /** by phase, as the source of it reported */
  inner: ReadonlyMap<number, Position>
}

export function placeOf(position: Position, phases: number): Place {
  const { phase, handover, ...rest } = position
  if (typeof phase !== 'number' || typeof handover !== 'object' || handover === null)
    throw new PipelineError('state', 'the position has no phase: it is not that of a hybrid source')
  if (phase >= phases)
    throw new PipelineError(
      'state',
      `the position is in phase ${phase}, but there are ${phases}, from 0: bounded_sources has fewer than when it was read`,
    )
  const inner = new Map<number, Record<string, Json>>()
  for (const [key, value] of Object.entries(rest)) {
    const [, index, partition] = /^(\d+):(.*)$/s.exec(key) ?? []
    if (index === undefined)
      throw new PipelineError('state', `the position has a key ${JSON.stringify(key)} of no phase`)
    const own = inner.get(Number(index)) ?? {}
    own[partition!] = value
    inner.set(Number(index), own)
  }
  return { phase, handover: handover as Position, inner }
}

export function positionOf({ phase, handover, inner }: Place): Position {
  const position: Record<string, Json> = { phase, handover }
  for (const [index, own] of inner)
    for (const [partition, value] of Object.entries(own)) position[`${index}:${partition}`] = value
  return position
}
