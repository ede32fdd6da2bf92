/** A page of rows ends at this many bytes of payloads, however many rows were asked for. */
export const pageBytes = 8 * 1024 * 1024

/** Bytes of a dead letter that a list shows. */
export const previewBytes = 1024

/** Rows until there are `limit` of them, or `pageBytes` by `sizeOf`; `cut` where there may be more. */
export function takePage<T>(rows: Iterable<T>, limit: number, sizeOf: (row: T) => number): { rows: T[]; cut: boolean } {
  const page: T[] = []
  let bytes = 0
  for (const row of rows) {
    page.push(row)
    bytes += sizeOf(row)
    if (page.length === limit || bytes >= pageBytes) return { rows: page, cut: true }
  }
  return { rows: page, cut: false }
}
