import type { Checkpoint, Positions } from '../contract.ts'
import { PipelineError } from '../errors.ts'
import { samePosition } from './machine.ts'

/** What the state backend holds of a pipeline's checkpoints. */
export interface Saved {
  /** the last final epoch, 0: none yet */
  epoch: number
  at: Positions
  /** an epoch that was begun and is not final, with the dead letters that were tried again in it */
  plan?: (Checkpoint & { letters?: readonly number[] }) | undefined
}

/** An epoch to be read again. */
export interface Replay {
  checkpoint: Checkpoint
  /** sinks that lack it; the others drop its rows */
  takers: readonly string[]
  letters: readonly number[]
}

export interface Recovery {
  /** in order */
  replays: readonly Replay[]
  /** where the pipeline then goes on */
  epoch: number
  at: Positions
}

/** A sink without a checkpoint: it keeps none (`at_least_once`), or never published anything. */
export type SinkCheckpoints = ReadonlyMap<string, Checkpoint | undefined>

/**
 * Where to go on after a start, from what the state and the sinks hold. A sink's checkpoint goes before the state:
 *
 * - normally all stand at the last final epoch, and nothing is to be read again;
 * - an epoch that was planned and is not final is read again exactly: sinks that have published it drop all of it;
 * - a sink that is further than the state (which was lost, or restored) moves the state on;
 * - a sink that is behind (restored from a backup) gets what it lacks, from its own position on, and alone.
 *
 * Sinks without a checkpoint take part only in the epoch that is not final, or not known to be.
 */
export function recover(saved: Saved, sinks: SinkCheckpoints): Recovery {
  const levels = levelsOf(saved, sinks)
  const top = levels.at(-1)!
  const replays: Replay[] = []
  for (let at = 1; at < levels.length; at++) {
    const below = levels[at - 1]!
    const { epoch, at: to } = levels[at]!
    const takers = [...sinks].filter(([, checkpoint]) => checkpoint !== undefined && checkpoint.epoch < epoch)
    if (takers.length === 0) continue
    replays.push({ checkpoint: { epoch, from: below.at, to }, takers: takers.map(([name]) => name), letters: [] })
  }
  const { plan } = saved
  if (plan === undefined || plan.epoch < top.epoch) {
    const unsure = top.epoch > saved.epoch ? unknownToState(top, sinks) : []
    return { replays: [...replays, ...unsure], epoch: top.epoch, at: top.at }
  }
  if (plan.epoch === top.epoch) {
    // a sink has published the planned epoch: those that keep none, or lack it, get it now
    const takers = [...sinks].filter(([, checkpoint]) => checkpoint === undefined || checkpoint.epoch < plan.epoch)
    const before = replays.filter(({ checkpoint }) => checkpoint.epoch < plan.epoch)
    const checkpoint = { epoch: plan.epoch, from: plan.from, to: plan.to }
    const replay = { checkpoint, takers: takers.map(([name]) => name), letters: plan.letters ?? [] }
    return { replays: [...before, replay], epoch: top.epoch, at: { ...top.at, ...plan.to } }
  }
  const replay = {
    checkpoint: { epoch: plan.epoch, from: plan.from, to: plan.to },
    takers: [...sinks.keys()],
    letters: plan.letters ?? [],
  }
  return { replays: [...replays, replay], epoch: plan.epoch, at: { ...top.at, ...plan.to } }
}

/** The state does not know that the last epoch was published: whether sinks without a checkpoint have it is unknown. */
function unknownToState(top: Level, sinks: SinkCheckpoints): Replay[] {
  const takers = [...sinks].filter(([, checkpoint]) => checkpoint === undefined).map(([name]) => name)
  const known = [...sinks.values()].find(checkpoint => checkpoint?.epoch === top.epoch)
  return takers.length === 0 || known === undefined ? [] : [{ checkpoint: known, takers, letters: [] }]
}

interface Level {
  epoch: number
  at: Positions
}

/** The epochs that the state or a sink stands at, the lowest first; where sinks disagree about one, they do not belong together. */
function levelsOf({ epoch, at, plan }: Saved, sinks: SinkCheckpoints): Level[] {
  const levels = new Map<number, Level & { by: string }>([[epoch, { epoch, at, by: 'the state' }]])
  const add = (level: Level & { by: string }) => {
    const there = levels.get(level.epoch)
    if (there === undefined) levels.set(level.epoch, level)
    else if (!sameWhereBoth(there.at, level.at))
      throw new PipelineError(
        'state',
        `${there.by} and ${level.by} both stand at epoch ${level.epoch}, but at other positions: they do not belong to one pipeline (use another application_id or name, or --reset)`,
      )
  }
  for (const [name, checkpoint] of sinks)
    if (checkpoint !== undefined) add({ epoch: checkpoint.epoch, at: checkpoint.to, by: `sink '${name}'` })
  // what the plan went on from was final, even where the state does not say so (it was lost, and made up from sinks)
  if (plan !== undefined && plan.epoch - 1 > epoch) add({ epoch: plan.epoch - 1, at: plan.from, by: 'the plan' })
  if (plan !== undefined && levels.has(plan.epoch)) add({ epoch: plan.epoch, at: plan.to, by: 'the plan' })
  return [...levels.values()].sort((a, b) => a.epoch - b.epoch).map(level => ({ epoch: level.epoch, at: level.at }))
}

/** A source that was added or left out between two runs is known to one of them only. */
function sameWhereBoth(a: Positions, b: Positions): boolean {
  return Object.keys(a).every(source => b[source] === undefined || samePosition(a[source]!, b[source]!))
}
