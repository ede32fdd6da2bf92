import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { run, temporaryFolder } from '../harness/command.suite.ts'
import { orders, writePlugin } from './pipelines.suite.ts'

const folder = temporaryFolder()
after(folder.remove)
const env = { MILLRACE__PLUGIN__PATH: writePlugin(folder.path) }

function check(text: string, ...options: string[]) {
  writeFileSync(join(folder.path, 'orders.yaml'), text)
  return run(['check', 'orders.yaml', ...options], { cwd: folder.path, env })
}

test('a pipeline that is right is one line and its guarantees, exit 0', async () => {
  assert.deepEqual(await check(orders, '--connect'), {
    code: 0,
    stdout: 'orders: 1 source, 1 transform, 1 sink: ok\n  raw -> out (desk.out): at_least_once\n',
    stderr: '',
  })
})

test('every problem is a line with its place on stderr, exit 1', async () => {
  const text = orders.replace('least: 10', 'leats: 10').replace('from: big }', 'from: bgi }')
  assert.deepEqual(await check(text, '--connect'), {
    code: 1,
    stdout: '',
    stderr:
      "orders.yaml:3:49: unknown key 'leats', did you mean 'least'?\n" +
      "orders.yaml:4:39: there is no source or transform 'bgi', did you mean 'big'?\n" +
      'millrace: orders.yaml: cannot run\n',
  })
})

test('warnings are shown, and leave the pipeline right', async () => {
  const { code, stdout, stderr } = await check(orders)
  assert.equal(code, 0)
  assert.match(stdout, /: ok\n/)
  assert.match(stderr, /^orders\.yaml:2:12: warning: 'raw' is a plugin's, and is opened only with --connect/)
})

test('job mode is a flag, or a setting', async () => {
  const endless = orders.replace('desk.rows }', 'desk.rows, bounded: false }')
  const expected = /orders\.yaml:2:12: job_mode is enabled but the following source\(s\) do not support it: 'raw'/
  assert.match((await check(endless, '--connect', '--job-mode')).stderr, expected)
  writeFileSync(join(folder.path, 'orders.yaml'), endless)
  const { stderr } = await run(['check', 'orders.yaml', '--connect'], {
    cwd: folder.path,
    env: { ...env, STREAMLING__JOB_MODE: 'true' },
  })
  assert.match(stderr, expected)
  assert.equal((await check(endless, '--connect')).code, 0)
})

test('--json is what the model prints: mistakes of the file are no success of the check, but of the command', async () => {
  const json = async (text: string) => {
    const { code, stdout } = await check(text, '--connect', '--json')
    return { code, ...(JSON.parse(stdout) as object) }
  }
  assert.deepEqual(await json(orders), { code: 0, success: true, is_valid: true, errors: [], warnings: [] })
  assert.deepEqual(await json(orders.replace('from: big', 'from: big, wrong: file')), {
    code: 1,
    success: true,
    is_valid: false,
    errors: ['orders.yaml:4:10: this sink is wrong'],
    warnings: [],
  })
  assert.deepEqual(await json(orders.replace('from: big', 'from: big, wrong: code')), {
    code: 1,
    success: false,
    is_valid: false,
    errors: ["orders.yaml:4:10: node 'out': undefined is not a function"],
    warnings: [],
  })
})

test('several files are all looked at, and one that is missing does not hide the others', async () => {
  writeFileSync(join(folder.path, 'orders.yaml'), orders)
  const { code, stdout, stderr } = await run(['check', 'none.yaml', 'orders.yaml', '--connect'], {
    cwd: folder.path,
    env,
  })
  assert.equal(code, 1)
  assert.match(stdout, /^orders: 1 source/)
  assert.equal(stderr, 'none.yaml:1:1: pipeline file none.yaml does not exist\nmillrace: none.yaml: cannot run\n')
  const both = await run(['check', 'none.yaml', 'orders.yaml', '--connect', '--json'], { cwd: folder.path, env })
  assert.deepEqual(
    (JSON.parse(both.stdout) as { file: string; is_valid: boolean }[]).map(report => [report.file, report.is_valid]),
    [
      ['none.yaml', false],
      ['orders.yaml', true],
    ],
  )
})

test('a state that cannot be reached is a problem of every file, and only --connect looks', async () => {
  writeFileSync(join(folder.path, 'orders.yaml'), orders)
  const away = {
    ...env,
    MILLRACE__STATE_BACKEND__BACKEND_TYPE: 'Postgres',
    MILLRACE__STATE_BACKEND__POSTGRES__HOST: '127.0.0.1',
    MILLRACE__STATE_BACKEND__POSTGRES__PORT: '1',
  }
  const { code, stdout, stderr } = await run(['check', 'orders.yaml', '--connect'], { cwd: folder.path, env: away })
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /^orders\.yaml:1:1: state_backend: postgres 127\.0\.0\.1:1\/streamling: connect ECONNREFUSED/)
  assert.equal((await run(['check', 'orders.yaml'], { cwd: folder.path, env: away })).code, 0)
})

test('no file is wrong usage', async () => {
  const { code, stderr } = await run(['check'], { cwd: folder.path, env })
  assert.deepEqual([code, stderr], [2, 'millrace: name a pipeline file: millrace check orders.yaml\n'])
})

test('--schema prints a JSON Schema of all types, those of plugins among them', async () => {
  const { code, stdout } = await run(['check', '--schema'], { cwd: folder.path, env })
  assert.equal(code, 0)
  const { $defs } = JSON.parse(stdout) as { $defs: Record<string, { properties: Record<string, object> }> }
  for (const name of [
    'sources.events',
    'transforms.sql',
    'transforms.dynamic_table',
    'sinks.parquet',
    'sinks.desk.out',
  ])
    assert.ok(Object.hasOwn($defs, name), name)
  for (const [name, { properties }] of Object.entries($defs).filter(([name]) => /^\w+\.\w+$/.test(name)))
    for (const [key, value] of Object.entries(properties))
      if (key !== 'type') assert.ok(Object.hasOwn(value, 'description'), `${name}: ${key} has no description`)
})
