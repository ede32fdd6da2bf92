import { registerHooks } from 'node:module'
import { extname } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Plugin } from '../contract.ts'
import { PipelineError } from '../errors.ts'
import { checkShape } from './shape.ts'

let hooked = false

/**
 * `millrace/plugin` is this runtime's own for every plugin, wherever it lies and whatever is installed there: an error
 * or a batch that it makes must be one of ours.
 */
function hook(): void {
  if (hooked) return
  hooked = true
  const own = new URL(`./plugin${extname(import.meta.url)}`, import.meta.url).href
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'millrace/plugin' ? { url: own, shortCircuit: true } : next(specifier, context),
  })
}

/** Loads a module, and makes sure that its default export is a plugin. */
export async function loadModule(file: string): Promise<Plugin> {
  hook()
  let module: { default?: unknown }
  try {
    module = await import(pathToFileURL(file).href)
  } catch (cause) {
    throw new PipelineError('bad_pipeline', `plugin ${file}: ${reasonOf(cause)}`, { cause })
  }
  return checkShape(file, module.default)
}

const reasons: Readonly<Record<string, string>> = {
  ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX: 'only TypeScript whose types can be erased is understood (no enum, no namespace)',
  ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING: 'an installed package must be JavaScript: let it be compiled first',
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)} while it was loaded`
  const reason = reasons[(error as NodeJS.ErrnoException).code ?? '']
  const message = error.message.split('\n')[0]
  return reason === undefined ? `cannot be loaded: ${error.name}: ${message}` : `${reason}: ${message}`
}
