import { PipelineError } from '../runtime/errors.ts'
import type { RawNode } from './parse.ts'
import type { Place } from './topology.ts'

/** Something that is wrong with a pipeline file, and where. */
export interface Problem extends Place {
  file: string
  /** keys with dots, `sinks.lake.partition_by.0`; empty for the file as a whole */
  path: string
  message: string
  severity: 'error' | 'warning'
  /** a bug or a failure of this machine, and no mistake of the file's */
  internal?: boolean
}

/** `orders.yaml:3:5: message` */
export function formatProblem({ file, line, column, severity, message }: Problem): string {
  return `${file}:${line}:${column}: ${severity === 'warning' ? 'warning: ' : ''}${message}`
}

/** In the order of the file. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  return [...problems].sort((a, b) => a.line - b.line || a.column - b.column)
}

/** A pipeline that cannot run, with all that is wrong with it. */
export class PipelineProblems extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.name = 'PipelineProblems'
    this.problems = problems
  }
}

/** A throw of a node's own code as a problem at the key that it names. */
export function problemOf(error: unknown, raw: RawNode, file: string): Problem {
  if (error instanceof PipelineError && error.code !== 'internal') {
    const place = error.path.length === 0 ? raw.place : raw.placeOf(error.path)
    return { file, ...place, path: raw.pathOf(error.path), message: error.message, severity: 'error' }
  }
  const message = `node '${raw.name}': ${error instanceof Error ? error.message : String(error)}`
  return { file, ...raw.place, path: raw.pathOf([]), message, severity: 'error', internal: true }
}

/** As `problemOf`, where it is about the file as a whole: it cannot be read, or a plugin cannot be loaded. */
export function problemOfFile(error: unknown, file: string): Problem {
  const message = error instanceof Error ? error.message : String(error)
  const internal = !(error instanceof PipelineError) || error.code === 'internal'
  return { file, line: 1, column: 1, path: '', message, severity: 'error', ...(internal ? { internal } : {}) }
}
