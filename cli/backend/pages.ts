/** Rows in one answer, at most; what the gateway allows. */
const most = 1000

/** Up to `limit` rows, page by page. */
export async function* pages<T>(
  limit: number,
  fetch: (page: { limit: number; after: number | undefined }) => Promise<{ rows: T[]; next: number | null }>,
): AsyncGenerator<T[]> {
  let after: number | undefined
  for (let left = limit; left > 0; ) {
    const { rows, next } = await fetch({ limit: Math.min(left, most), after })
    if (rows.length > 0) yield rows
    if (next === null || rows.length === 0) return
    left -= rows.length
    after = next
  }
}
