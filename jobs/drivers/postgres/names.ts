import { PipelineError } from '../../runtime/errors.ts'

/** What Postgres cuts a longer name to, in silence. */
const longestName = 63

/** A name as SQL has it: any text but NUL is one, up to 63 bytes. */
export function quote(name: string): string {
  const length = Buffer.byteLength(name)
  if (name === '' || name.includes('\0'))
    throw new PipelineError('bad_pipeline', `${JSON.stringify(name)} cannot be a name in Postgres: choose another`)
  if (length > longestName)
    throw new PipelineError(
      'bad_pipeline',
      `the name ${JSON.stringify(name)} has ${length} bytes, and Postgres keeps ${longestName}: choose a shorter one`,
    )
  return `"${name.replaceAll('"', '""')}"`
}

/** `"schema"."table"` */
export const qualified = (schema: string, name: string): string => `${quote(schema)}.${quote(name)}`

/** `"a", "b"` */
export const quoteList = (names: readonly string[]): string => names.map(quote).join(', ')

/** Text as a constant of SQL, whatever `standard_conforming_strings` says. */
export function literal(text: string): string {
  if (text.includes('\0'))
    throw new PipelineError('bad_pipeline', 'a text for Postgres has a NUL byte, which it refuses')
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
  return text.includes('\\') ? ` E${quoted}` : quoted
}
