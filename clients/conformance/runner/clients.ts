import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { tempDir } from '../../../test/support/gateway.ts'
import type { Command } from './adapter.ts'

export const clientNames = ['ts', 'deno', 'bun', 'workerd', 'go'] as const
export type ClientName = (typeof clientNames)[number]

export interface PreparedClient {
  command: Command
  remove(): void
}

const here = join(import.meta.dirname, '..')
const modules = join(here, '../../node_modules')
const adapter = join(here, 'adapters/ts.ts')
const nothing = () => {}

/** How each client is started; throws with the reason where it cannot be. */
export const clients: Record<ClientName, () => PreparedClient> = {
  ts: () => ({ command: { file: process.execPath, args: [adapter] }, remove: nothing }),
  deno: () => ({
    command: { file: binary('@deno', 'deno'), args: ['run', '--allow-all', '--quiet', adapter] },
    remove: nothing,
  }),
  bun: () => ({ command: { file: binary('@oven', 'bin/bun'), args: [adapter] }, remove: nothing }),
  workerd: bundleWorker,
  go: buildGo,
}

/** The platform's package has the binary itself; the launchers of npm would leave it behind when they are killed. */
function binary(scope: string, path: string): string {
  const folder = join(modules, scope)
  const found = existsSync(folder)
    ? readdirSync(folder)
        .map(name => join(folder, name, path))
        .find(existsSync)
    : undefined
  if (found === undefined) throw new Error(`there is no ${path} below node_modules/${scope}: run npm ci`)
  return found
}

/** The client as a Worker, in a folder with the configuration of workerd. */
function bundleWorker(): PreparedClient {
  const source = join(here, 'adapters/workerd')
  const workerd = binary('@cloudflare', 'bin/workerd')
  const version = execFileSync(workerd, ['--version'], { encoding: 'utf8' }).trim()
  const folder = tempDir()
  buildSync({
    entryPoints: [join(source, 'worker.ts')],
    outfile: join(folder.path, 'worker.js'),
    bundle: true,
    format: 'esm',
    define: { RUNTIME: JSON.stringify(version) },
  })
  copyFileSync(join(source, 'config.capnp'), join(folder.path, 'config.capnp'))
  const args = [join(source, 'shim.ts'), workerd, folder.path]
  return { command: { file: process.execPath, args }, remove: folder.remove }
}

function buildGo(): PreparedClient {
  const module = join(here, '../go')
  const folder = tempDir()
  const file = join(folder.path, 'adapter')
  try {
    execFileSync('go', ['build', '-o', file, './cmd/millrace-adapter'], {
      cwd: module,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  } catch (error) {
    folder.remove()
    const { code, stderr, message } = error as Error & { code?: string; stderr?: Buffer }
    throw new Error(code === 'ENOENT' ? 'there is no `go` on the path' : `go build: ${stderr ?? message}`)
  }
  return { command: { file, args: [] }, remove: folder.remove }
}
