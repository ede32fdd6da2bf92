import { isDeepStrictEqual } from 'node:util'
import type { Checkpoint } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { SharedDatabase } from './connection.ts'
import { sameName } from './names.ts'
import { quote } from './table.ts'

/**
 * What a sink has published, in the file that it publishes to, and who may publish next.
 *
 * `fence` counts the runs of the sink; only the newest may commit. `checkpoint` is `{from, to, table}` as JSON;
 * earlier versions wrote no `table`, which the next checkpoint adds.
 */
const schema = `create table if not exists _millrace_positions (
  pipeline text not null,
  sink text not null,
  epoch integer,
  checkpoint text,
  fence integer not null default 0,
  primary key (pipeline, sink)
) strict, without rowid`

export interface Fence {
  /** Whether a checkpoint is published. Also where nothing of a sink is in the file yet, and inside a transaction. */
  published(): boolean
  /** Why the sink cannot go on: it was published to another table, and here it would begin in the middle. */
  moved(): PipelineError | undefined
  /** Raises the fence; gives the last checkpoint that was published. */
  begin(): Promise<Checkpoint | undefined>
  /** Runs `work` and publishes the checkpoint in one transaction, if no newer run has begun; else throws `fenced`. */
  publish(checkpoint: Checkpoint, work: () => void): Promise<void>
  /** Runs `work` in a transaction, if no newer run has begun; says whether it did. */
  guard(work: () => void): Promise<boolean>
  /** Forgets the checkpoint. */
  reset(): Promise<void>
}

interface Position {
  epoch: number | null
  checkpoint: string | null
  fence: number
}

export function createFence(
  shared: SharedDatabase,
  { pipeline, name, table, signal }: { pipeline: string; name: string; table: string; signal: AbortSignal },
): Fence {
  const { db, path } = shared
  let mine: number | undefined

  const read = () =>
    db
      .prepare<[string, string], Position>(
        'select epoch, checkpoint, fence from _millrace_positions where pipeline = ? and sink = ?',
      )
      .get(pipeline, name)

  function held(): Position {
    const position = read()
    if (position !== undefined && position.fence === mine) return position
    throw new PipelineError(
      'fenced',
      `sqlite ${path}: a newer run of sink ${JSON.stringify(name)} of pipeline ${pipeline} took over (fence ${position?.fence ?? 'gone'}, this run has ${mine ?? 'none'}): nothing of this one is stored any more`,
    )
  }

  /** Undefined where there is none, also where nothing of a sink is in the file yet. */
  function publishedPosition(): Position | undefined {
    const isThere = db.prepare("select 1 from sqlite_schema where name = '_millrace_positions'").get() !== undefined
    const position = isThere ? read() : undefined
    return position === undefined || position.epoch === null ? undefined : position
  }

  return {
    published: () => publishedPosition() !== undefined,

    moved() {
      const checkpoint = publishedPosition()?.checkpoint ?? '{}'
      const { table: before = table } = JSON.parse(checkpoint) as { table?: string }
      if (sameName(before, table)) return undefined
      return new PipelineError(
        'state',
        `sqlite ${path}: sink '${name}' was published to table ${quote(before)}, and its configuration now says ${quote(table)}: name the old one, give the sink another name to begin there with the rows from now on, or start again with --reset`,
      )
    },

    begin: () =>
      shared.transaction(() => {
        db.exec(schema)
        mine = db
          .prepare<[string, string], number>(
            `insert into _millrace_positions (pipeline, sink, fence) values (?, ?, 1)
             on conflict (pipeline, sink) do update set fence = fence + 1 returning fence`,
          )
          .pluck()
          .get(pipeline, name)
        return checkpointOf(held())
      }, signal),

    publish: (checkpoint, work) =>
      shared.transaction(() => {
        const last = checkpointOf(held())
        if (last !== undefined && checkpoint.epoch <= last.epoch) {
          refuseOther(checkpoint, last)
          return
        }
        work()
        const { epoch, from, to } = checkpoint
        db.prepare(
          'update _millrace_positions set epoch = ?, checkpoint = ? where pipeline = ? and sink = ? and fence = ?',
        ).run(epoch, JSON.stringify({ from, to, table }), pipeline, name, mine)
      }, signal),

    guard: work =>
      shared.transaction(() => {
        const current = read()?.fence === mine
        if (current) work()
        return current
      }, signal),

    reset: () =>
      shared.transaction(() => {
        db.exec(schema)
        db.prepare(
          'update _millrace_positions set epoch = null, checkpoint = null where pipeline = ? and sink = ?',
        ).run(pipeline, name)
      }, signal),
  }

  /** The same epoch again is a replay whose rows are there already; anything else would lose rows or repeat them. */
  function refuseOther(next: Checkpoint, last: Checkpoint): void {
    if (isDeepStrictEqual(next, last)) return
    throw new PipelineError(
      'state',
      `sqlite ${path}: sink ${JSON.stringify(name)} has published epoch ${last.epoch} already, and cannot publish ${next.epoch === last.epoch ? 'another one of this number' : `epoch ${next.epoch}`}: start again with --reset`,
    )
  }
}

function checkpointOf({ epoch, checkpoint }: Position): Checkpoint | undefined {
  if (epoch === null || checkpoint === null) return undefined
  const { from, to } = JSON.parse(checkpoint) as Omit<Checkpoint, 'epoch'>
  return { epoch, from, to }
}
