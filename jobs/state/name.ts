import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { PipelineError } from '../runtime/errors.ts'
import { type ParsedPipeline, parsePipeline } from '../topology/parse.ts'

export interface NamedPipeline extends ParsedPipeline {
  /** `name:` of the file, or what the file is called: the last part of the state's namespace */
  name: string
}

/** Reads a pipeline file for its name and nodes, without a look at whether it could run. */
export function readPipeline(file: string): NamedPipeline {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const message = `the pipeline ${file} cannot be read: ${(error as Error).message}`
    throw new PipelineError('bad_pipeline', message, { cause: error })
  }
  const parsed = parsePipeline(text, file)
  // as jobs/topology/plan.ts names a pipeline, which a test holds against this
  const name = parsed.name ?? (basename(file).replace(/(?<=.)\.(ya?ml|json)$/i, '') || 'pipeline')
  return { ...parsed, name }
}
