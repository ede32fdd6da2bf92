import type { Op } from '../../runtime/batch/select.ts'
import type { PayloadVersion } from './keys.ts'

/** A row on its way: its JSON text with all columns, and what became of it. */
export interface OutRow {
  json: string
  op: Op
}

/** The body of a request: an object where there is `one` row per request, else an array with an object per line. */
export function bodyOf(rows: readonly OutRow[], version: PayloadVersion, one: boolean): string {
  const objects = rows.map(({ json, op }) => (version === 0 ? json : `{"metadata":{"op":"${op}"},"data":${json}}`))
  return one ? objects.join('\n') : `[${objects.join(',\n')}]\n`
}
