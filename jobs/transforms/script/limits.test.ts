import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { opened } from './script.suite.ts'

const rows = [1, 2, 3].map(id => ({ id, name: `n${id}` }))
const limits = { timeout: '200ms', memory: '32MiB' }
/** memory is to be used up before the time is, also on a slow machine */
const patient = { timeout: '60s', memory: '32MiB' }
const time = /^script 'scored' took longer than 200ms for 3 rows: make it faster, or raise script.timeout$/
const memory = /^script 'scored' needs more memory than 32 MiB for 3 rows: make it smaller, or raise script.memory$/

/** Bodies of `process`, each of which has to end the sandbox, and none the process. */
const breaches: Record<string, readonly [body: string, message: RegExp]> = {
  'a loop without end': ['while (true) {}', time],
  'a loop that catches everything': ['while (true) try { while (true) {} } catch {} finally { continue }', time],
  'a getter without end': ['return { get id() { while (true) {} } }', time],
  'a toJSON without end': ['return { id: { toJSON() { while (true) {} } } }', time],
  'a proxy without end': ['return new Proxy({}, { get() { while (true) {} }, ownKeys() { while (true) {} } })', time],
  'an array that never ends': ['return new Proxy([], { get: (a, k) => (k === "length" ? Infinity : null) })', time],
  'an error whose message never ends': ['throw { get message() { while (true) {} } }', time],
  'a regular expression that backtracks': ['/^(a+)+$/.test("a".repeat(50) + "b")', time],
  'a sort whose comparison never ends': ['[3, 2, 1].sort(() => { while (true) {} })', time],
  'a generator without end': ['function* g() { while (true) yield 1 } for (const x of g());', time],
  'promises without end': ['const f = () => Promise.resolve().then(f); return f()', time],
  'promises without end that nobody waits for': ['const f = () => Promise.resolve().then(f); f()', time],
  'an await without end': ['return (async () => { while (true) await null })()', time],
  'a native loop that never asks whether it should end': ['new Array(2 ** 31).join("x")', time],
  'a reverse of 2⁵³ elements': ['Array.prototype.reverse.call({ length: 2 ** 53 - 1 })', time],
  'a text of 512 MiB': ['return { name: "x".repeat(2 ** 29) }', memory],
  'a text of 512 MiB, and the error caught': ['try { "x".repeat(2 ** 29) } catch {} return input', memory],
  'a typed array of 1 GiB': ['new Uint8Array(2 ** 30)', memory],
  'a buffer that is resized': ['new ArrayBuffer(8, { maxByteLength: 2 ** 30 }).resize(2 ** 30)', memory],
  'an array of 2²⁸': ['new Array(2 ** 28).fill(0)', memory],
  'arrays without end': ['const a = []; while (true) a.push(new Array(1000).fill(0))', memory],
  'a global that grows': ['globalThis.all ??= []; while (true) all.push({ ...input })', memory],
  'a map without end': ['const m = new Map(); for (let i = 0; ; i++) m.set(i, {})', memory],
  'a text that doubles': ['let s = input.name; while (true) s = (s + s).split("").join("")', memory],
  'rows without end': ['const all = []; while (true) all.push(input)', memory],
  'an answer that is too large': ['return Array(40).fill({ id: 1, name: "x".repeat(1_000_000) })', memory],
}

describe('a breach is fatal, names the limit, and the process lives', { concurrency: 2 }, () => {
  for (const [what, [body, message]] of Object.entries(breaches))
    test(what, async t => {
      const { run } = await opened(t, `function process(input) { ${body} }`, {
        limits: message === memory ? patient : limits,
      })
      await assert.rejects(run(rows), { code: 'limit', message })
      await assert.rejects(run(rows), { code: 'limit', message }, 'nothing runs in it after that')
    })
})

test('a script whose top level never ends is a breach when it is opened', async t => {
  await assert.rejects(opened(t, 'while (true) {}', { limits }), {
    code: 'limit',
    message: "script 'scored' took longer than 200ms for its top level: make it faster, or raise script.timeout",
  })
})

test('a top level that takes all memory is a breach when it is opened', async t => {
  await assert.rejects(opened(t, 'const a = []; while (true) a.push({})', { limits: patient }), {
    code: 'limit',
    message: /for its top level: make it smaller, or raise script.memory/,
  })
})

test('a native loop at the top level is ended from outside', async t => {
  await assert.rejects(opened(t, 'new Array(2 ** 31).join("x")', { limits }), { code: 'limit' })
})

test('the limit is for a call: many calls may take longer together', async t => {
  const { run } = await opened(
    t,
    'function process(i) { const end = Date.now() + 60; while (Date.now() < end); return i }',
    {
      limits: { timeout: '500ms' },
      keys: { batch_size: 1 },
    },
  )
  assert.equal((await run([...rows, ...rows, ...rows, ...rows])).length, 12)
})

test('a raised memory limit can be used', async t => {
  const code = 'function process(i) { i.name = String(new Array(5e6).fill(i.id).length); return i }'
  const { run } = await opened(t, code, { limits: { timeout: '60s', memory: '256MiB' } })
  assert.deepEqual(
    (await run(rows)).map(row => row.name),
    ['5000000', '5000000', '5000000'],
  )
})

test('garbage of many batches is no breach, also with cycles', async t => {
  const code = 'function process(i) { const a = { text: "x".repeat(1000) }; a.self = a; return i }'
  const { run } = await opened(t, code, { limits: { timeout: '60s', memory: '64MiB' } })
  const many = Array.from({ length: 10_000 }, (_, id) => ({ id, name: '' }))
  for (let batch = 0; batch < 5; batch++) assert.equal((await run(many)).length, 10_000)
})

test('calls that nest without end are an error of that row, which the script may catch', async t => {
  const bodies = [
    'const f = () => f() + 1; f()',
    'JSON.parse("[".repeat(1e5))',
    'let o = {}; for (let i = 0; i < 2e4; i++) o = { o }; return { id: o }',
    'let p = {}; for (let i = 0; i < 2e4; i++) p = new Proxy(p, {}); return p',
    'eval("(".repeat(1e5))',
    'let a = []; for (let i = 0; i < 2e4; i++) a = [a]; return { id: String(a) + a.flat(Infinity) }',
  ]
  const code = `function process({ id }) { ${bodies.map((body, at) => `if (id === ${at}) { ${body} }`).join('\n')}
    try { (function f() { return f() + 1 })() } catch (error) { return { id, name: error.message } } }`
  const { run, dead } = await opened(t, code, { limits: { timeout: '60s' } })
  const given = Array.from({ length: bodies.length + 1 }, (_, id) => ({ id, name: '' }))
  assert.deepEqual(await run(given), [{ id: bodies.length, name: 'stack overflow', _gs_op: 'i' }])
  assert.deepEqual(
    dead.map(({ message }) => /stack overflow|Maximum/.test(message)),
    bodies.map(() => true),
    JSON.stringify(dead),
  )
})

test('a run that ends in the middle of a call does not wait for it', async t => {
  const { run, abort } = await opened(t, 'function process() { new Array(2 ** 31).join("x") }', {
    limits: { timeout: '1h' },
  })
  const running = run(rows)
  abort()
  await assert.rejects(running, /the run ends/)
})

test('closing ends a call, and later calls are refused', async t => {
  const { run, transform } = await opened(t, 'function process() { while (true) {} }', { limits: { timeout: '1h' } })
  const running = assert.rejects(run(rows), /closed/)
  await transform.close()
  await running
  await assert.rejects(run(rows), /closed/)
})
