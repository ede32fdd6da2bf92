import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { PipelineError } from '../errors.ts'

const isModule = (name: string): boolean => /\.(js|mjs|cjs|ts|mts)$/.test(name) && !/\.(d|test)\.m?[jt]s$/.test(name)

/**
 * The modules that `plugin.path` names, each once, as real paths: a file, a folder (its modules, and the packages in
 * it, by name), a folder that is a package, or an npm package that is installed where `cwd` sees it.
 */
export function findModules(paths: readonly string[], cwd: string): string[] {
  const found = paths.flatMap(path => {
    const place = resolve(cwd, path)
    if (existsSync(place)) return statSync(place).isDirectory() ? inFolder(place) : [place]
    if (/^\.{0,2}[/\\]|^[a-z]:|\.(js|mjs|cjs|ts|mts)$/i.test(path)) throw wrong(path, `${place} does not exist`)
    return [inPackages(path, cwd)]
  })
  return [...new Set(found.map(place => realpathSync(place)))]
}

function inFolder(folder: string): string[] {
  const own = entryOf(folder)
  if (own !== undefined) return [own]
  const modules = readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .filter(({ name }) => !name.startsWith('.') && name !== 'node_modules')
    .flatMap(({ name }) => {
      const place = join(folder, name)
      if (statSync(place).isDirectory()) return entryOf(place) ?? []
      return isModule(name) ? place : []
    })
  if (modules.length === 0) throw wrong(folder, 'the folder has no .js or .ts files and no packages')
  return modules
}

function inPackages(name: string, cwd: string): string {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const place = join(folder, 'node_modules', name)
    if (existsSync(join(place, 'package.json'))) return entryOf(place) ?? join(place, 'index.js')
    if (dirname(folder) === folder) break
  }
  throw wrong(
    name,
    `there is no such file or folder, and no such package is installed for ${cwd}: npm install it there`,
  )
}

type Exports = string | null | readonly Exports[] | { readonly [condition: string]: Exports | undefined }

/** The module that a package gives to `import`; undefined where the folder is none that says so. */
function entryOf(folder: string): string | undefined {
  const file = join(folder, 'package.json')
  if (!existsSync(file)) return undefined
  let parsed: { exports?: Exports; main?: string }
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw wrong(file, `is not JSON (${(cause as Error).message})`)
  }
  const { exports, main } = parsed
  if (exports === undefined) return main === undefined ? undefined : join(folder, main)
  const isMap = typeof exports === 'object' && exports !== null && '.' in exports
  const entry = pick(isMap ? (exports as { '.': Exports })['.'] : exports)
  if (entry === undefined) throw wrong(file, '"exports" has nothing for "import"')
  return join(folder, entry)
}

/** The first that Node would take (docs: conditional exports). */
function pick(exports: Exports | undefined): string | undefined {
  if (typeof exports === 'string') return exports
  if (exports === null || exports === undefined) return undefined
  if (Array.isArray(exports)) return exports.map(pick).find(entry => entry !== undefined)
  for (const [condition, inner] of Object.entries(exports)) {
    if (!['node', 'import', 'module-sync', 'default'].includes(condition)) continue
    const entry = pick(inner as Exports)
    if (entry !== undefined) return entry
  }
  return undefined
}

const wrong = (what: string, reason: string) =>
  new PipelineError('bad_pipeline', `plugin.path: ${what}: ${reason}`, { path: ['plugin', 'path'] })
