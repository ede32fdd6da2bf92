import { resolve } from 'node:path'
import type { NodeContext } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { S3Settings } from '../s3/keys.ts'
import { isS3, parseS3, s3Url } from '../s3/url.ts'
import { createFiles, type Files } from './files.ts'
import { below, isPlain } from './layout.ts'

/** A folder of Parquet files, wherever it is. */
export interface Lake {
  /** absolute path, or `s3://BUCKET/PREFIX`; without a slash at its end */
  root: string
  files: Files
  /** where DuckDB may write and read, for the work in a folder of the lake */
  workplace(folder: string, spill: string): { allow: readonly string[]; temporary: string }
  close(): Promise<void>
}

export interface OpenLakeOptions {
  s3: S3Settings
  retry: NodeContext['retry']
  /** of a test that lets steps fail */
  before?: Files['before'] | undefined
}

/** What a path names. Throws `bad_pipeline` where SQL or readers would take it for something else. */
export function rootOf(path: string): string {
  const wrong = (message: string) => new PipelineError('bad_pipeline', message, { path: ['path'] })
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(path) ?? []
  if (scheme !== undefined && !isS3(path))
    throw wrong(`${scheme}:// is not supported: name a folder, or s3://BUCKET/PREFIX`)
  const root = isS3(path) ? urlOf(path) : resolve(path)
  if (isPlain(root)) return root
  throw wrong(`${root} has one of * ? [ ], which SQL takes for a pattern: name another folder`)
}

function urlOf(path: string): string {
  const { bucket, key } = parseS3(path)
  const parts = key.replace(/\/+$/, '').split('/')
  if (key === '') return `s3://${bucket}`
  if (parts.every(part => part !== '' && part !== '.' && part !== '..')) return s3Url(bucket, parts.join('/'))
  throw new PipelineError('bad_pipeline', `${path}: parts that are empty, . or .. are no folder to most tools`, {
    path: ['path'],
  })
}

export async function openLake(path: string, { s3, retry, before }: OpenLakeOptions): Promise<Lake> {
  const root = rootOf(path)
  if (!isS3(root))
    return {
      root,
      files: createFiles(before),
      workplace: (folder, spill) => ({ allow: [folder], temporary: below(folder, spill) }),
      close: async () => {},
    }
  const { openBucketLake } = await import('./open-bucket.ts')
  return openBucketLake(root, { s3, retry, before })
}
