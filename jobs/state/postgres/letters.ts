import type { PgSession } from '../../drivers/postgres/session.ts'
import type { DeadLetterPage, LetterQuery, NewDeadLetter, PipelineDeadLetter } from '../state.ts'

/** A page ends at so many bytes of rows, though never before its first letter. */
const pageBytes = 8 * 1024 * 1024

export async function addLetters(
  session: PgSession,
  table: string,
  namespace: string,
  letters: readonly NewDeadLetter[],
): Promise<void> {
  for (const part of slices(letters))
    await session.query(
      `INSERT INTO ${table} (namespace, node, epoch, code, message, row, retryable, size, at)
       SELECT $1, letter.* FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::bytea[], $7::boolean[],
         $8::bigint[], $9::bigint[]) AS letter`,
      [
        namespace,
        part.map(({ node }) => plain(node)),
        part.map(({ epoch }) => epoch),
        part.map(({ code }) => plain(code)),
        part.map(({ message }) => plain(message)),
        part.map(({ row }) => Buffer.from(row)),
        part.map(({ retryable }) => retryable),
        part.map(({ size }) => size),
        part.map(({ at }) => at),
      ],
    )
}

/** Text of Postgres has no NUL. */
const plain = (text: string) => text.replaceAll('\0', '\\u0000')

/** So many letters, or bytes of their rows, go in one statement. */
function* slices(letters: readonly NewDeadLetter[]): Generator<NewDeadLetter[]> {
  let part: NewDeadLetter[] = []
  let bytes = 0
  for (const letter of letters) {
    part.push(letter)
    bytes += letter.row.length
    if (part.length < 1000 && bytes < pageBytes) continue
    yield part
    part = []
    bytes = 0
  }
  if (part.length > 0) yield part
}

interface Stored extends Record<string, unknown> {
  id: string
  row: Buffer
  epoch: string
  size: string
  at: string
  retry_at: string | null
}

export async function readLetters(
  session: PgSession,
  table: string,
  namespace: string,
  { after = 0, limit = 1000, node, marked = false }: LetterQuery,
): Promise<DeadLetterPage> {
  // the sum of what stands before a row, so that no more than a page leaves the server
  const { rows } = await session.query<Stored>(
    `SELECT id, node, epoch, code, message, row, retryable, size, at, retry_at, more FROM (
       SELECT dead_letter_id AS id, node, epoch, code, message, row, retryable, size, at, retry_at,
         coalesce(sum(length(row)) OVER before, 0) AS bytes, lead(1) OVER (ORDER BY dead_letter_id) IS NOT NULL AS more
       FROM (
         SELECT * FROM ${table}
         WHERE namespace = $1 AND dead_letter_id > $2 AND ($3::text IS NULL OR node = $3)
           AND (NOT $4 OR retry_at IS NOT NULL)
         ORDER BY dead_letter_id LIMIT $5 + 1) AS chosen
       WINDOW before AS (ORDER BY dead_letter_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS page
     WHERE bytes < ${pageBytes} ORDER BY id LIMIT $5`,
    [namespace, after, node ?? null, marked, limit],
  )
  const letters = rows.map(letterOf)
  return { letters, next: rows.at(-1)?.more === true ? letters.at(-1)!.id : null }
}

function letterOf({ more: _, id, row, epoch, size, at, retry_at, ...rest }: Stored): PipelineDeadLetter {
  return {
    ...(rest as Pick<PipelineDeadLetter, 'node' | 'code' | 'message' | 'retryable'>),
    id: Number(id),
    row: row.toString(),
    epoch: Number(epoch),
    size: Number(size),
    at: Number(at),
    retry_at: retry_at === null ? null : Number(retry_at),
  }
}

const chosen = 'namespace = $1 AND ($2::bigint[] IS NULL OR dead_letter_id = ANY ($2))'

/** Deletes, and says how many. */
export async function removeLetters(
  session: PgSession,
  table: string,
  namespace: string,
  ids?: readonly number[],
): Promise<number> {
  return (await session.query(`DELETE FROM ${table} WHERE ${chosen}`, [namespace, ids ?? null])).count
}

/** Those that were marked before keep their time, and count again. */
export async function markLetters(
  session: PgSession,
  table: string,
  namespace: string,
  ids?: readonly number[],
): Promise<number> {
  const sql = `UPDATE ${table} SET retry_at = coalesce(retry_at, $3) WHERE retryable AND ${chosen}`
  return (await session.query(sql, [namespace, ids ?? null, Date.now() * 1000])).count
}

export async function countLetters(session: PgSession, table: string, namespace: string): Promise<number> {
  const { rows } = await session.query<{ n: string }>(`SELECT count(*) AS n FROM ${table} WHERE namespace = $1`, [
    namespace,
  ])
  return Number(rows[0]!.n)
}
