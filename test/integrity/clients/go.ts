import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Why programs in Go cannot be built here; undefined where they can. */
export function noGo(): string | undefined {
  return spawnSync('go', ['version']).status === 0 ? undefined : 'there is no Go on PATH'
}

/** Builds a module of this repository that links the Go client, and returns the program. */
export function buildGo(module: URL, dir: string): string {
  const program = join(dir, 'go-program')
  const built = spawnSync('go', ['build', '-C', fileURLToPath(module), '-o', program, '.'], { encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`go build ${fileURLToPath(module)}: ${built.stderr}`)
  return program
}
