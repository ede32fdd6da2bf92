import { stat } from 'node:fs/promises'
import type { NodeContext } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { FileConfig, FileFormat } from './file.ts'
import { formatOf } from './formats.ts'
import { type Pattern, patternOf } from './glob.ts'
import { type Listed, listFiles } from './listing.ts'

/** What a source finds when it opens. */
export interface Survey {
  pattern: Pattern
  format: FileFormat
  /** A folder may hold other things, too. */
  isOurs(file: Listed): boolean
  /** files to find the columns by: with data, and at most some, from first to last */
  samples: Listed[]
}

const mostSamples = 32

/** Throws `bad_pipeline` where neither the files nor the configuration say what the columns are. */
export async function survey({ path, format: wanted, schema }: FileConfig, { signal }: NodeContext): Promise<Survey> {
  const scheme = /^([a-z][a-z0-9]+):\/\//i.exec(path)?.[1]?.toLowerCase()
  if (scheme !== undefined)
    throw badPath(
      `${scheme}:// comes with a later version: ${JSON.stringify(path)} must be a file, folder or pattern here`,
    )
  const isFolder = await stat(path).then(
    stats => stats.isDirectory(),
    () => false,
  )
  const pattern = patternOf(path, isFolder)
  const files = await listFiles(pattern, signal)
  const format = wanted ?? formatOf(path) ?? files.map(file => formatOf(file.name)).find(known => known !== undefined)
  const isOurs = ({ name }: Listed) => !isFolder || wanted !== undefined || formatOf(name) === format
  const samples = spread(
    files.filter(file => file.size > 0 && isOurs(file)),
    mostSamples,
  )
  if (samples.length === 0 && (format === undefined ? files.length === 0 : Object.keys(schema).length === 0))
    throw badPath(
      `no file with any data matches ${path}, so that its columns are not known: name them in \`schema\`, or put a file there`,
    )
  if (format === undefined)
    throw new PipelineError('bad_pipeline', `the extension of ${path} does not say what the files are: set format`, {
      path: ['format'],
    })
  return { pattern, format, isOurs, samples }
}

export const badPath = (message: string) => new PipelineError('bad_pipeline', message, { path: ['path'] })

/** At most `count` of them, from first to last. */
function spread<T>(all: readonly T[], count: number): T[] {
  if (all.length <= count) return [...all]
  return Array.from({ length: count }, (_, at) => all[Math.round((at * (all.length - 1)) / (count - 1))]!)
}
