import type { NewDeadLetter, StateBackend } from '../../state/state.ts'
import type { Checkpoint, Json, Position, Positions } from '../contract.ts'
import { samePosition } from './machine.ts'
import type { Saved } from './recover.ts'

/**
 * A pipeline's checkpoints in its state backend. Each partition of a source has a key of its own, `SOURCE:PARTITION`,
 * as in the model; `_checkpoint` and `_plan` are ours (the names of nodes do not begin with `_`).
 */
export interface CheckpointStore {
  readonly saved: Saved
  /** the last run ended with all sources at their end */
  readonly done: boolean
  /** exactly_once sinks that had published the last final epoch */
  readonly published: readonly string[]
  /** Makes the plan of an epoch durable, before its markers go out. */
  record(checkpoint: Checkpoint, letters: readonly number[]): Promise<void>
  /** Makes its positions final, with the dead letters of the epoch. */
  close(
    checkpoint: Checkpoint,
    dead: readonly NewDeadLetter[],
    settled: readonly number[],
    done: boolean,
  ): Promise<void>
}

const checkpointKey = '_checkpoint'
const planKey = '_plan'

interface Head {
  epoch: number
  sources: string[]
  /** exactly_once ones */
  sinks?: readonly string[]
  done: boolean
}

/** `sinks`: the exactly_once ones of the pipeline. */
export async function openCheckpoints(
  state: StateBackend,
  namespace: string,
  sinks: readonly string[],
): Promise<CheckpointStore> {
  const keys = new Map(await state.read(namespace))
  const head = keys.get(checkpointKey) as unknown as Head | undefined
  const { epoch = 0, sources = [], done = false } = head ?? {}
  const at = positionsOf(keys, sources)
  const plan = keys.get(planKey) as unknown as Saved['plan']
  const current = { epoch, at, done }

  const headOf = (epoch: number, positions: Positions, done: boolean): Json => ({
    epoch,
    sources: Object.keys(positions),
    sinks,
    done,
  })

  return {
    get saved() {
      return { epoch: current.epoch, at: current.at, plan }
    },
    get done() {
      return current.done
    },
    published: head?.sinks ?? [],
    async record({ epoch, from, to }, letters) {
      const set = new Map<string, Json | undefined>([[planKey, { epoch, from, to, letters }]])
      // an epoch that is under way may leave the sources before their end
      if (current.done) set.set(checkpointKey, headOf(current.epoch, current.at, false))
      await state.write(namespace, { set })
      current.done = false
    },
    async close({ epoch, to }, dead, settled, done) {
      // an epoch that only a sink lacked moves nothing back
      if (epoch < current.epoch) return state.write(namespace, { dead, settled })
      const set = new Map<string, Json | undefined>([[planKey, undefined]])
      const next: Record<string, Position> = { ...current.at, ...to }
      for (const [source, position] of Object.entries(next)) changes(source, current.at[source] ?? {}, position, set)
      set.set(checkpointKey, headOf(epoch, next, done))
      await state.write(namespace, { set, dead, settled })
      Object.assign(current, { epoch, at: next, done })
    },
  }
}

function changes(source: string, before: Position, after: Position, set: Map<string, Json | undefined>): void {
  for (const [partition, value] of Object.entries(after))
    if (!Object.hasOwn(before, partition) || !samePosition({ value: before[partition]! }, { value }))
      set.set(`${source}:${partition}`, value)
  for (const partition of Object.keys(before))
    if (!Object.hasOwn(after, partition)) set.set(`${source}:${partition}`, undefined)
}

function positionsOf(keys: ReadonlyMap<string, Json>, sources: readonly string[]): Positions {
  const at: Record<string, Record<string, Json>> = Object.fromEntries(sources.map(source => [source, {}]))
  for (const [key, value] of keys) {
    const colon = key.indexOf(':')
    const source = at[key.slice(0, colon)]
    if (colon > 0 && source !== undefined) source[key.slice(colon + 1)] = value
  }
  return at
}
