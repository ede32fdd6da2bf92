import { SourceMap, type SourceMapPayload, stripTypeScriptTypes } from 'node:module'

/** A script as JavaScript, and how to find a line of it in what the user wrote. Lines and columns count from 1. */
export interface Compiled {
  code: string
  lineOf(line: number, column: number): number
}

/** TypeScript that is wrong; `line` is the user's. */
export class TypeScriptError extends Error {
  readonly line: number | undefined
  constructor(message: string, line: number | undefined) {
    super(message)
    this.line = line
  }
}

/**
 * Takes the types out; nothing is type checked. Types become spaces, so that lines stay; only syntax that is more than
 * types (enum, namespace, parameter properties, `<T>x`) is rewritten, and then has a map. Throws `TypeScriptError`.
 */
export function compile(source: string): Compiled {
  try {
    return { code: quietly(() => stripTypeScriptTypes(source)), lineOf: line => line }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') throw asTypeScriptError(error)
  }
  try {
    return mapped(
      quietly(() => stripTypeScriptTypes(source, { mode: 'transform', sourceMap: true, sourceUrl: 'script' })),
    )
  } catch (error) {
    throw asTypeScriptError(error)
  }
}

const mapMark = '//# sourceMappingURL=data:application/json;base64,'

function mapped(output: string): Compiled {
  const at = output.lastIndexOf(mapMark)
  const payload = Buffer.from(output.slice(at + mapMark.length), 'base64').toString()
  const map = new SourceMap(JSON.parse(payload) as SourceMapPayload)
  return {
    code: output.slice(0, at),
    lineOf(line, column) {
      const entry = map.findEntry(line - 1, column - 1)
      return 'originalLine' in entry ? entry.originalLine + 1 : line
    },
  }
}

function asTypeScriptError(error: unknown): TypeScriptError {
  const { message, stack = '' } = error as Error
  // the stack begins with the place, as `script:3`
  const line = /^\w*:(\d+)\n/.exec(stack)?.[1]
  return new TypeScriptError(message, line === undefined ? undefined : Number(line))
}

/** Node warns that the function may change; a user of a pipeline can do nothing about that. */
function quietly<T>(task: () => T): T {
  const emit = process.emitWarning
  process.emitWarning = () => {}
  try {
    return task()
  } finally {
    process.emitWarning = emit
  }
}
