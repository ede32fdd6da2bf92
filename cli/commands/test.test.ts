import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { run, temporaryFolder } from '../harness/command.suite.ts'
import { orders, writePlugin } from './pipelines.suite.ts'

const folder = temporaryFolder()
after(folder.remove)
const env = { MILLRACE__PLUGIN__PATH: writePlugin(folder.path) }
mkdirSync(join(folder.path, 'tests'))
writeFileSync(join(folder.path, 'orders.yaml'), orders)

function runTests(tests: string, ...options: string[]) {
  writeFileSync(join(folder.path, 'tests/orders.test.yaml'), `pipeline: ../orders.yaml\ntests:\n${tests}`)
  return run(['test', 'tests/orders.test.yaml', ...options], { cwd: folder.path, env })
}

const right =
  '- { name: big ones stay, given: { raw: [{ id: 1, n: 5 }, { id: 2, n: 50 }] }, expect: { out: [{ id: 2 }] } }\n'
const wrong = '- { name: small ones stay, given: { raw: [{ id: 1, n: 5 }] }, expect: { big: [{ id: 1 }] } }\n'

test('each test is a line, and exit 0 says that all are right', async () => {
  assert.deepEqual(await runTests(right), { code: 0, stdout: 'ok 1 - big ones stay\n1..1\n', stderr: '' })
})

test('a test that fails says what differs, and exit is 1', async () => {
  assert.deepEqual(await runTests(right + wrong), {
    code: 1,
    stdout:
      'ok 1 - big ones stay\nnot ok 2 - small ones stay\n' +
      '    big: 1 row expected, 0 came\n      - row 1 is missing: {"id":1}\n1..2\n',
    stderr: 'millrace: 1 of 2 tests failed\n',
  })
})

test('--json has the same for machines', async () => {
  const { code, stdout } = await runTests(right + wrong, '--json')
  assert.equal(code, 1)
  assert.deepEqual(JSON.parse(stdout), [
    {
      file: 'tests/orders.test.yaml',
      problems: [],
      tests: [
        { name: 'big ones stay', ok: true, lines: [] },
        {
          name: 'small ones stay',
          ok: false,
          lines: ['big: 1 row expected, 0 came', '  - row 1 is missing: {"id":1}'],
        },
      ],
    },
  ])
})

test('a broken file of tests is told with its place, and one that is missing is wrong usage', async () => {
  const broken = await runTests('- { name: x, expct: {} }\n')
  assert.equal(broken.code, 1)
  assert.match(broken.stderr, /^tests\/orders\.test\.yaml:3:14: unknown key 'expct', did you mean 'expect'\?$/m)
  assert.match(broken.stderr, /^millrace: tests\/orders\.test\.yaml: no test ran$/m)
  const missing = await run(['test', 'none.yaml'], { cwd: folder.path })
  assert.deepEqual([missing.code, missing.stderr], [2, 'millrace: file of tests none.yaml does not exist\n'])
})
