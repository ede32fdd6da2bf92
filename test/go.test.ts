import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { repository } from './support/gateway.ts'

/** The Go client, with Go's own tools; left out where there is no Go. */

const cwd = join(repository, 'clients/go')
const hasGo = spawnSync('go', ['version']).status === 0
const skip = hasGo ? false : 'go is not installed'

function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 600_000 })
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${error?.message ?? ''}\n${stdout}${stderr}`)
  return stdout
}

test('the Go client is formatted', { skip }, () => assert.equal(run('gofmt', '-l', '.'), ''))
test('the Go client passes go vet', { skip }, () => void run('go', 'vet', './...'))
test('the Go client passes its tests under the race detector', { skip }, () => void run('go', 'test', '-race', './...'))
