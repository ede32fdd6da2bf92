import * as variant from '@jitl/quickjs-wasmfile-release-sync'
import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSSyncVariant,
  type QuickJSWASMModule,
} from 'quickjs-emscripten-core'

/** A WebAssembly instance of QuickJS in `memory`. */
export function newInstance(memory: WebAssembly.Memory): Promise<QuickJSWASMModule> {
  const base = defaultOf<QuickJSSyncVariant>(variant)
  return newQuickJSWASMModuleFromVariant(newVariant(checked(base), { wasmMemory: memory }))
}

/** The package writes through a null pointer where no memory is left; this throws. */
function checked(base: QuickJSSyncVariant): QuickJSSyncVariant {
  return {
    ...base,
    async importModuleLoader() {
      const load = defaultOf(await base.importModuleLoader())
      return async options => {
        const module = await load(options)
        const malloc = module._malloc
        module._malloc = bytes => {
          const at = malloc(bytes)
          if (at === 0) throw new Error('no memory is left')
          return at
        }
        return module
      }
    },
  }
}

type Nested<T> = T | { default: T | { default: T } }

/** What a module exports by default, whichever way it was loaded. */
function defaultOf<T extends object>(module: Nested<T>): T {
  return 'default' in module ? defaultOf<T>(module.default) : module
}
