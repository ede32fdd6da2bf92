import type { Schema } from 'apache-arrow'
import type { FormatOptions, OpenFormat } from '../formats.ts'
import { createIgnored } from '../ignored.ts'
import type { Parser, ParserOptions } from './parser.ts'
import type { Rows } from './rows.ts'
import { beginningOf } from './sample.ts'
import { openText, type TextProgress } from './text.ts'

/** What stands at the start of a file, and how the rest is parsed; undefined where not even that is there. */
type Begin = (
  options: ParserOptions,
  head: Buffer,
  name: string,
) => { parser: Parser; begin: number; line: number } | undefined

/** Bytes at the start of a file in which its header stands. */
export const headBytes = 1024 * 1024
/** Text of a line that a dead letter has. */
const shown = 64 * 1024

/** What CSV and NDJSON have in common. */
export function openTextFormat(
  { config, context }: FormatOptions,
  schema: Schema,
  rows: Rows,
  begin: Begin,
): OpenFormat {
  const names = schema.fields.map(field => field.name)
  const { mode, max_row_size: maxRow, format } = config
  const ignored = createIgnored(context.log)

  return {
    schema,
    rows,
    open(file, from, to) {
      const dead: ParserOptions['dead'] = (line, why, bytes) =>
        context.dead({
          code: 'bad_row',
          message: `line ${line} of ${file.name}: ${why}`,
          row: bytes.toString('utf8', 0, Math.min(bytes.length, shown)),
        })
      return openText({
        file,
        from: from as TextProgress | undefined,
        to: to as TextProgress | undefined,
        mayGrow: mode.type === 'continuous' && file.etag === undefined,
        endsRow: lastLine => file.etag !== undefined || endsRow(lastLine),
        rows,
        parser: async () => {
          const head = await beginningOf(file, headBytes)
          return begin({ names, rows, dead, ignored, maxRow }, head, file.name)
        },
        dead,
        maxRow,
      })
    },
  }

  /** A file that goes on may be in the middle of its last line; where the run ends, an object that is whole is taken. */
  function endsRow(lastLine: Buffer): boolean {
    if (mode.type === 'bounded') return true
    if (!context.jobMode) return false
    return format === 'csv' || /\}\s*$/.test(lastLine.toString('latin1', Math.max(0, lastLine.length - 16)))
  }
}
