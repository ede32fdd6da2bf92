import { readFile } from 'node:fs/promises'
import { PipelineError } from '../runtime/errors.ts'
import type { Settings } from '../settings.ts'
import { type Checked, checkPipeline } from './check.ts'
import { noPlugins, type PluginParts } from './kinds.ts'
import { PipelineProblems, type Problem } from './problem.ts'
import type { Topology } from './topology.ts'

export interface LoadOptions {
  file: string
  settings: Settings
  /** default false; see `CheckOptions` */
  connect?: boolean
}

export interface LoadedTopology {
  topology: Topology
  /** what does not keep the pipeline from running, such as a server that cannot be reached just now */
  warnings: readonly Problem[]
}

/**
 * Reads and checks a pipeline that is to run. What cannot be reached just now is a warning, since the runtime tries
 * again. Throws `PipelineProblems` with all problems, or a PipelineError where file or plugins cannot be read.
 */
export async function loadTopology(options: LoadOptions): Promise<LoadedTopology> {
  const { problems, topology } = await checkFile({ ...options, unreachable: 'warning' })
  if (topology === undefined) throw new PipelineProblems(problems)
  return { topology, warnings: problems }
}

/** As `checkPipeline`, of a file and with the plugins of the settings. */
export async function checkFile(options: LoadOptions & { unreachable?: Problem['severity'] }): Promise<Checked> {
  const text = await readText(options.file)
  return checkPipeline({ ...options, text, plugins: await pluginsOf(options.settings) })
}

export async function pluginsOf({ plugin }: Settings): Promise<PluginParts> {
  if (plugin.path.length === 0) return noPlugins
  const { loadPlugins } = await import('../runtime/plugin/load.ts')
  return loadPlugins(plugin.path)
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be read'
    throw new PipelineError('bad_pipeline', `pipeline file ${file} ${reason}`, { cause: error })
  }
}
