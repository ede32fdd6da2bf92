import type { Settings } from '../../settings.ts'
import type { NewDeadLetter } from '../../state/state.ts'
import type { DeadRow } from '../contract.ts'
import { PipelineError } from '../errors.ts'

/** Dead letters of epochs that are not final yet: they become durable with their epoch, and so exactly once. */
export interface Letters {
  add(node: string, epoch: number, row: DeadRow): void
  /** Of a source: its next rows are read ahead, and the letter belongs to their epoch; see `accept`. */
  hold(source: string, row: DeadRow): void
  /** The rows that a source has read ahead are part of the epoch: so are its letters that are held. */
  accept(source: string, epoch: number): void
  /** Takes those of the epoch. Throws `full` where they would pass `dead_letters.max_rows`. */
  of(epoch: number): readonly NewDeadLetter[]
  /** The epoch is final: `settled` of those that were there are gone. */
  stored(epoch: number, settled: number): void
}

const encoder = new TextEncoder()

export function createLetters({ max_rows, max_row_size }: Settings['dead_letters'], there: number): Letters {
  const epochs = new Map<number, NewDeadLetter[]>()
  const held = new Map<string, DeadRow[]>()
  let stored = there
  let waiting = 0

  function add(node: string, epoch: number, { code, message, row }: DeadRow): void {
    if (stored + waiting >= max_rows)
      throw new PipelineError(
        'full',
        `node '${node}': ${message}; and the pipeline has ${max_rows} dead letters already: retry or purge them with millrace dlq, or raise dead_letters.max_rows`,
      )
    const text = typeof row === 'string' ? row : JSON.stringify(row)
    const size = encoder.encode(text).length
    const cut = size > max_row_size
    const list = epochs.get(epoch) ?? []
    epochs.set(epoch, list)
    list.push({
      node,
      epoch,
      code,
      message,
      row: cut ? cutAt(text, max_row_size) : text,
      retryable: typeof row !== 'string' && !cut,
      size,
      at: Date.now() * 1000,
    })
    waiting++
  }

  return {
    add,
    hold(source, row) {
      const list = held.get(source) ?? []
      held.set(source, list)
      list.push(row)
    },
    accept(source, epoch) {
      for (const row of held.get(source)?.splice(0) ?? []) add(source, epoch, row)
    },
    of: epoch => epochs.get(epoch) ?? [],
    stored(epoch, settled) {
      const count = epochs.get(epoch)?.length ?? 0
      epochs.delete(epoch)
      waiting -= count
      stored += count - settled
    },
  }
}

/** The first bytes, without half a character at the end. */
function cutAt(text: string, bytes: number): string {
  const buffer = new Uint8Array(bytes)
  const { read } = encoder.encodeInto(text, buffer)
  return text.slice(0, read)
}
