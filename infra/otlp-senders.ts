import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Installs what test/otlp sends with, from the registries of the languages, once for each state of the sources:
 * `.cache/otlp/NAME-HASH`. `node infra/otlp-senders.ts [NAME…]` does it ahead of the tests.
 */

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const cache = join(root, '.cache/otlp')

export const languages = ['javascript', 'python', 'go'] as const
export type SenderName = (typeof languages)[number] | 'collector'

interface Recipe {
  /** below test/otlp */
  sources: string
  /** prints the version of a tool that it needs */
  tool: readonly [command: string, ...args: string[]]
  /** what a user without it can do */
  without: string
  /** steps in the folder of the sources; INTO is the new folder */
  steps: readonly (readonly [command: string, ...args: string[]])[]
  /** begins the program; INTO as above */
  run: readonly [command: string, ...args: string[]]
}

const goBuild = ['go', 'build', '-mod=readonly', '-trimpath', '-o', 'INTO/program', '.'] as const

const recipes: Record<SenderName, Recipe> = {
  javascript: {
    sources: 'js',
    tool: ['npm', '--version'],
    without: 'npm is missing: it comes with Node',
    steps: [['npm', 'ci', '--prefix', 'INTO', '--ignore-scripts', '--no-audit', '--no-fund']],
    run: [process.execPath, 'INTO/sender.js'],
  },
  python: {
    sources: 'python',
    tool: ['python3', '-c', 'import ensurepip, sys, venv; print(sys.version)'],
    without: 'python3 with venv is missing: install it (apt-get install python3-venv)',
    steps: [
      ['python3', '-m', 'venv', 'INTO/venv'],
      ['INTO/venv/bin/python', '-m', 'pip', 'install', '--quiet', '-r', 'INTO/requirements.txt'],
    ],
    run: ['INTO/venv/bin/python', 'INTO/sender.py'],
  },
  go: {
    sources: 'go',
    tool: ['go', 'version'],
    without: 'go is missing: install it from https://go.dev/dl',
    steps: [goBuild],
    run: ['INTO/program'],
  },
  collector: {
    sources: 'collector',
    tool: ['go', 'version'],
    without: 'go is missing: install it from https://go.dev/dl',
    steps: [goBuild],
    run: ['INTO/program'],
  },
}

function versionOf({ tool: [command, ...args] }: Recipe): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' })
  return status === 0 ? stdout : undefined
}

/** Why the sender cannot be installed here, for a skip; undefined where it can. */
export function missingTool(name: SenderName): string | undefined {
  return versionOf(recipes[name]) === undefined ? recipes[name].without : undefined
}

/** The command that begins the program. Rejects with what the tools said where the installation fails. */
export async function prepareSender(name: SenderName): Promise<readonly [command: string, ...args: string[]]> {
  const recipe = recipes[name]
  const sources = join(root, 'test/otlp', recipe.sources)
  const hash = createHash('sha256')
    .update(JSON.stringify(recipe))
    .update(versionOf(recipe) ?? '')
  for (const file of readdirSync(sources, { recursive: true, encoding: 'utf8' }).sort())
    if (/\.(js|json|py|txt|go|mod|sum)$/.test(file)) hash.update(file).update(readFileSync(join(sources, file)))
  const ready = join(cache, `${name}-${hash.digest('hex').slice(0, 16)}`)
  if (!existsSync(ready)) await install(recipe, sources, ready)
  const [command, ...args] = recipe.run.map(word => word.replace('INTO', () => ready))
  return [command!, ...args]
}

/** Whole or not at all, also where two processes do it at once. */
async function install({ steps }: Recipe, sources: string, ready: string): Promise<void> {
  const into = `${ready}.${process.pid}`
  mkdirSync(cache, { recursive: true })
  cpSync(sources, into, { recursive: true })
  try {
    for (const step of steps) {
      const [command, ...args] = step.map(word => word.replace('INTO', () => into))
      await runStep(command!, args, into)
    }
    renameSync(into, ready)
  } catch (error) {
    rmSync(into, { recursive: true, force: true })
    // another process was faster
    if (!existsSync(ready)) throw error
  }
}

function runStep(command: string, args: string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const pipe of [child.stdout, child.stderr]) pipe.on('data', data => (said += data))
    child.on('error', reject)
    child.on('close', code =>
      code === 0 ? resolve() : reject(new Error(`${command} ${args.join(' ')} ended with ${code}: ${said}`)),
    )
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const name of process.argv.length > 2 ? (process.argv.slice(2) as SenderName[]) : languages) {
    const reason = name in recipes ? missingTool(name) : `it can be ${Object.keys(recipes).join(', ')}`
    if (reason !== undefined) throw new Error(`${name}: ${reason}`)
    process.stdout.write(`${name}: ${(await prepareSender(name)).join(' ')}\n`)
  }
