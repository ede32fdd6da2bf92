import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** Runs the real command in a process of its own, as a user would. */

const bin = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url))

/** What a command may see of the environment of the tests: nothing that configures it. */
const { PATH, NODE_OPTIONS, NODE_COMPILE_CACHE, NODE_V8_COVERAGE } = process.env
const inherited = { PATH, NODE_OPTIONS, NODE_COMPILE_CACHE, NODE_V8_COVERAGE }

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  input?: string | Uint8Array
  env?: Readonly<Record<string, string>>
  cwd?: string
}

/** A command that runs; `ended` resolves when it has ended by itself or by a signal. */
export function start(args: readonly string[], { input, env, cwd }: RunOptions = {}) {
  const child = spawn(process.execPath, [bin, ...args], {
    cwd,
    env: { ...inherited, ...env },
    stdio: 'pipe',
  })
  child.stdin.on('error', () => {})
  if (input !== undefined) child.stdin.end(input)
  const ended: Promise<Ended> = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]).then(
    ([stdout, stderr, [code]]) => ({ stdout, stderr, code: code as number | null }),
  )
  return { child, ended }
}

export function run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return start(args, { input: '', ...options }).ended
}

/** A folder for one test file; `remove` when it is done. */
export function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), 'millrace-cli-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
