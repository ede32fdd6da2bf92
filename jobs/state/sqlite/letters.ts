import type { Db } from '../../drivers/sqlite/connection.ts'
import type { DeadLetterPage, LetterQuery, NewDeadLetter, PipelineDeadLetter } from '../state.ts'

/** A page ends at so many bytes of rows, though never before its first letter. */
const pageBytes = 8 * 1024 * 1024

const columns = 'dead_letter_id as id, node, epoch, code, message, row, retryable, size, at, retry_at'

type Stored = Omit<PipelineDeadLetter, 'retryable'> & { retryable: number }

export function addLetters(db: Db, namespace: string, letters: readonly NewDeadLetter[]): void {
  const insert = db.prepare(
    `insert into dead_letters (namespace, node, epoch, code, message, row, retryable, size, at)
     values (@namespace, @node, @epoch, @code, @message, @row, @retryable, @size, @at)`,
  )
  for (const letter of letters) insert.run({ ...letter, namespace, retryable: letter.retryable ? 1 : 0 })
}

export function readLetters(
  db: Db,
  namespace: string,
  { after = 0, limit = 1000, node, marked = false }: LetterQuery,
): DeadLetterPage {
  const rows = db
    .prepare<unknown[], Stored>(
      `select ${columns} from dead_letters
       where namespace = @namespace and dead_letter_id > @after and (@node is null or node = @node)
         and (@marked = 0 or retry_at is not null)
       order by dead_letter_id limit @most`,
    )
    .iterate({ namespace, after, node: node ?? null, marked: marked ? 1 : 0, most: limit + 1 })
  const letters: PipelineDeadLetter[] = []
  let bytes = 0
  for (const row of rows) {
    if (letters.length === limit || bytes >= pageBytes) return { letters, next: letters.at(-1)?.id ?? after }
    letters.push({ ...row, retryable: row.retryable === 1 })
    bytes += row.row.length
  }
  return { letters, next: null }
}

/** Deletes, and says how many. */
export function removeLetters(db: Db, namespace: string, ids?: readonly number[]): number {
  return db.prepare(`delete from dead_letters where ${chosen}`).run(choice(namespace, ids)).changes
}

/** Those that were marked before keep their time, and count again. */
export function markLetters(db: Db, namespace: string, ids: readonly number[] | undefined, at: number): number {
  const sql = `update dead_letters set retry_at = coalesce(retry_at, @at) where retryable = 1 and ${chosen}`
  return db.prepare(sql).run({ ...choice(namespace, ids), at }).changes
}

export function countLetters(db: Db, namespace: string): number {
  return db.prepare('select count(*) from dead_letters where namespace = ?').pluck().get(namespace) as number
}

const chosen = 'namespace = @namespace and (@ids is null or dead_letter_id in (select value from json_each(@ids)))'
const choice = (namespace: string, ids: readonly number[] | undefined) => ({
  namespace,
  ids: ids === undefined ? null : JSON.stringify(ids),
})
