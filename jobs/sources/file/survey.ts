import { stat } from 'node:fs/promises'
import { isS3 } from '../../drivers/s3/url.ts'
import type { NodeContext } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { FileConfig, FileFormat } from './file.ts'
import { formatOf } from './formats.ts'
import { patternOf } from './glob.ts'
import { createFolder } from './listing.ts'
import type { FilePlace, Listed } from './place.ts'

/** What a source finds when it opens. */
export interface Survey {
  place: FilePlace
  format: FileFormat
  /** A folder may hold other things, too. */
  isOurs(file: Listed): boolean
  /** files to find the columns by: with data, and at most some, from first to last */
  samples: Listed[]
}

const mostSamples = 32

/** Throws `bad_pipeline` where neither the files nor the configuration say what the columns are. */
export async function survey(config: FileConfig, context: NodeContext): Promise<Survey> {
  const { path, format: wanted, schema } = config
  const scheme = /^([a-z][a-z0-9]+):\/\//i.exec(path)?.[1]?.toLowerCase()
  if (scheme !== undefined && scheme !== 's3')
    throw badPath(
      `${scheme}:// is not supported: ${JSON.stringify(path)} must be a file, folder or pattern, on disk or below s3://BUCKET`,
    )
  const { place, isFolder } = isS3(path) ? await openInBucket(config, context) : await openOnDisk(path)
  const files = await place.list(context.signal)
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
  return { place, format, isOurs, samples }
}

async function openOnDisk(path: string): Promise<{ place: FilePlace; isFolder: boolean }> {
  const isFolder = await stat(path).then(
    stats => stats.isDirectory(),
    () => false,
  )
  return { place: createFolder(patternOf(path, isFolder)), isFolder }
}

async function openInBucket(config: FileConfig, context: NodeContext) {
  const { openBucketPlace } = await import('./bucket.ts')
  return openBucketPlace(config, context)
}

export const badPath = (message: string) => new PipelineError('bad_pipeline', message, { path: ['path'] })

/** At most `count` of them, from first to last. */
function spread<T>(all: readonly T[], count: number): T[] {
  if (all.length <= count) return [...all]
  return Array.from({ length: count }, (_, at) => all[Math.round((at * (all.length - 1)) / (count - 1))]!)
}
