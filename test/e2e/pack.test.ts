import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { repository, tempDir } from '../support/gateway.ts'
import { post } from '../support/http.ts'

test('the packed package, installed in an empty folder, serves', async () => {
  const dir = tempDir()
  const run = (command: string, args: string[], cwd: string) =>
    execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const [{ filename, files }] = JSON.parse(
    run('npm', ['pack', '--json', '--pack-destination', dir.path], repository),
  ) as [{ filename: string; files: { path: string }[] }]
  assert.deepEqual(
    files.map(file => file.path).filter(path => /\.test\.|\.suite\.|^test\/|(?<!\.d)\.ts$/.test(path)),
    [],
  )
  writeFileSync(join(dir.path, 'package.json'), '{"private":true}')
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', filename], dir.path)
  const child = spawn(
    process.execPath,
    ['node_modules/millrace/bin/millrace.js', 'serve', '--port', '0', '--log-level', 'warn'],
    { cwd: dir.path, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = new Promise<number | null>(resolve => child.once('exit', resolve))
  try {
    const url = await new Promise<string>((resolve, reject) => {
      let out = ''
      child.stdout.on('data', data => {
        out += data
        const found = /listening on (\S+)/.exec(out)
        if (found !== null) resolve(found[1]!)
      })
      void ended.then(code => reject(new Error(`ended with ${code}`)))
    })
    assert.equal((await post(url, '{"packed":true}')).body, '1')
    const sql = JSON.stringify({ sql: "select payload->>'packed' from events" })
    assert.deepEqual((await post(`${url}/v1/query`, sql, { 'content-type': 'application/json' })).json().rows, [[1]])
  } finally {
    child.kill('SIGTERM')
  }
  assert.equal(await ended, 0)
  dir.remove()
})
