import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const console = JSON.stringify(new URL('console.ts', import.meta.url).href)

/** Runs `code` in a program of its own, with or without a capture of errors. */
function run(code: string, capture: boolean, args: readonly string[] = []) {
  const source = `
    import { captureConsole } from ${console}
    const taken = []
    const client = { send: event => taken.push(event) > 0, ready: async () => {} }
    process.on('exit', () => process._rawDebug('taken: ' + JSON.stringify(taken)))
    ${capture ? 'const restore = captureConsole(client, { errors: true })' : 'const restore = () => {}'}
    ${code}`
  const { status, signal, stderr } = spawnSync(process.execPath, [...args, '--input-type=module', '-e', source], {
    encoding: 'utf8',
  })
  const line = stderr.split('taken: ')[1]
  const taken = JSON.parse(line?.split('\n', 1)[0] ?? assert.fail(stderr)) as Record<string, unknown>[]
  return { status, signal, taken }
}

for (const [what, code, origin, message] of [
  [
    'an uncaught error',
    `process.nextTick(() => { throw new TypeError('oops') })`,
    'uncaughtException',
    /^TypeError: oops\n/,
  ],
  ['an uncaught error of a timer', `setTimeout(() => { throw 7 })`, 'uncaughtException', /^7$/],
  ['a rejection', `Promise.reject(new Error('left'))`, 'unhandledRejection', /^Error: left\n/],
] as const)
  test(`${what} is an event, and ends the program as without the capture`, () => {
    const plain = run(code, false)
    const { status, signal, taken } = run(code, true)
    assert.deepEqual([status, signal], [plain.status, plain.signal])
    assert.notEqual(status, 0)
    assert.equal(taken.length, 1)
    assert.deepEqual([taken[0]!.level, taken[0]!.origin], ['error', origin])
    assert.match(String(taken[0]!.message), message)
  })

test("a program's own handler goes on deciding", () => {
  const { status, taken } = run(
    `process.on('uncaughtException', () => { process.exitCode = 4 }); throw new Error('handled')`,
    true,
  )
  assert.equal(status, 4)
  assert.equal(taken.length, 1)
})

test('where rejections only warn they go on to warn', () => {
  const { status } = run(`Promise.reject(new Error('left'))`, true, ['--unhandled-rejections=warn'])
  assert.equal(status, 0)
})

test('after restore nothing is heard', () => {
  const { status, taken } = run(`restore(); throw new Error('late')`, true)
  assert.equal(status, 1)
  assert.deepEqual(taken, [])
})
