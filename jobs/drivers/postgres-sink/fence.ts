import { isDeepStrictEqual } from 'node:util'
import type { Checkpoint } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { sqlStateOf } from '../postgres/failures.ts'
import { literal, qualified } from '../postgres/names.ts'
import type { PgSession } from '../postgres/session.ts'
import { readTable } from './table.ts'

/**
 * What a sink has published, in the schema that it publishes to, and who may publish next. `fence` counts the runs of
 * the sink; only the newest may commit. `checkpoint` is `{from, to, table}` as JSON.
 */
const positions = '_millrace_positions'
/** raised by a commit whose fence or epoch is not the one */
const held = 'MR001'

export interface Fence {
  /** Makes the table of positions, where it is not there. */
  prepare(): Promise<void>
  /** Whether a checkpoint is published; also before `prepare`. Throws where it was to another table. */
  published(): Promise<boolean>
  /** Raises the fence; gives the last checkpoint that was published. */
  begin(): Promise<Checkpoint | undefined>
  /**
   * Runs the statements and publishes the checkpoint in one transaction, if no newer run has begun; else throws
   * `fenced`. False where this checkpoint was published already: then nothing of the statements is done.
   */
  publish(checkpoint: Checkpoint, statements: readonly string[]): Promise<boolean>
  /** Runs the statements in one transaction, if no newer run has begun. */
  guard(statements: readonly string[]): Promise<void>
  /** Forgets the checkpoint. */
  reset(): Promise<void>
}

interface Position {
  epoch: string | null
  checkpoint: string | null
  fence: string
}

export interface FenceOptions {
  pipeline: string
  name: string
  schema: string
  /** where the rows go, which the checkpoint names */
  table: string
}

export function createFence(session: PgSession, { pipeline, name, schema, table }: FenceOptions): Fence {
  const { label } = session
  const place = qualified(schema, positions)
  const mine = `pipeline = ${literal(pipeline)} and sink = ${literal(name)}`
  let fence: string | undefined

  async function read(): Promise<Position | undefined> {
    const { rows } = await session.query<Position>(`select epoch, checkpoint, fence from ${place} where ${mine}`)
    return rows[0]
  }

  const fenced = (position: Position | undefined) =>
    new PipelineError(
      'fenced',
      `${label}: a newer run of sink ${JSON.stringify(name)} of pipeline ${pipeline} took over (fence ${position?.fence ?? 'gone'}, this run has ${fence ?? 'none'}): nothing of this one is stored any more`,
    )

  /** Locks the position until the transaction ends, or fails with `held`. */
  function hold(condition: string): string {
    const body = `begin
      perform 1 from ${place} where ${mine} and fence = ${fence ?? '-1'} and ${condition} for update;
      if not found then raise exception using errcode = ${literal(held)}, message = 'the position is held by another'; end if;
    end`
    return `do ${literal(body)}`
  }

  /**
   * One message is one transaction, so that a client that is stopped at whatever moment leaves no lock behind, and a
   * connection that is cut leaves all or nothing.
   */
  const inOne = (statements: readonly string[]) => session.query(statements.join(';\n'))

  return {
    async prepare() {
      // IF NOT EXISTS would want a grant even where it is there
      if ((await readTable(session, schema, positions)) !== undefined) return
      await session.query(
        `create table ${place} (
          pipeline text not null, sink text not null, epoch bigint, checkpoint text,
          fence bigint not null default 0, primary key (pipeline, sink)
        )`,
      )
    },

    async published() {
      if ((await readTable(session, schema, positions)) === undefined) return false
      const position = await read()
      if (position === undefined || position.epoch === null) return false
      const { table: before = table } = JSON.parse(position.checkpoint ?? '{}') as { table?: string }
      if (before === table) return true
      throw new PipelineError(
        'state',
        `${label}: sink '${name}' was published to table ${JSON.stringify(before)}, and its configuration now says ${JSON.stringify(table)}: name the old one, give the sink another name to begin there with the rows from now on, or start again with --reset`,
      )
    },

    async begin() {
      const { rows } = await session.query<Position>(
        `insert into ${place} as p (pipeline, sink, fence) values (${literal(pipeline)}, ${literal(name)}, 1)
         on conflict (pipeline, sink) do update set fence = p.fence + 1 returning epoch, checkpoint, fence`,
      )
      fence = rows[0]!.fence
      return checkpointOf(rows[0]!)
    },

    async publish(checkpoint, statements) {
      const { epoch, from, to } = checkpoint
      const value = literal(JSON.stringify({ from, to, table }))
      try {
        await inOne([
          hold(`(epoch is null or epoch < ${epoch})`),
          ...statements,
          `update ${place} set epoch = ${epoch}, checkpoint = ${value} where ${mine}`,
        ])
        return true
      } catch (error) {
        if (sqlStateOf(error) !== held) throw error
        const position = await read()
        if (position === undefined || position.fence !== fence) throw fenced(position)
        refuseOther(checkpoint, checkpointOf(position)!)
        return false
      }
    },

    async guard(statements) {
      try {
        await inOne([hold('true'), ...statements])
      } catch (error) {
        if (sqlStateOf(error) !== held) throw error
      }
    },

    async reset() {
      await session.query(`update ${place} set epoch = null, checkpoint = null where ${mine}`)
    },
  }

  /** The same epoch again is a replay whose rows are there already; anything else would lose rows or repeat them. */
  function refuseOther(next: Checkpoint, last: Checkpoint): void {
    if (isDeepStrictEqual(next, last)) return
    throw new PipelineError(
      'state',
      `${label}: sink ${JSON.stringify(name)} has published epoch ${last.epoch} already, and cannot publish ${next.epoch === last.epoch ? 'another one of this number' : `epoch ${next.epoch}`}: start again with --reset`,
    )
  }
}

function checkpointOf({ epoch, checkpoint }: Position): Checkpoint | undefined {
  if (epoch === null || checkpoint === null) return undefined
  const { from, to } = JSON.parse(checkpoint) as Omit<Checkpoint, 'epoch'>
  return { epoch: Number(epoch), from, to }
}
