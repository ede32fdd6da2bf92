import assert from 'node:assert/strict'
import { test } from 'node:test'
import { opened } from './script.suite.ts'

/** What a hostile script may try to reach the host, or rows that are none of its business. */

const columns = { id: 'int64', name: 'utf8' }
const one = [{ id: 1, name: 'n' }]

/** The result of an expression within `process`, as text. */
async function seen(t: Parameters<typeof opened>[0], expression: string): Promise<unknown> {
  const code = `function process(input) { let r; try { r = ${expression} } catch (e) { r = 'thrown ' + e } return { name: String(r) } }`
  return (await opened(t, code).then(({ run }) => run(one)))[0]?.name
}

const unreachable: Record<string, string> = {
  "this.constructor.constructor('return process.env')()": 'undefined',
  "(() => {}).constructor('return typeof process.exit')()": 'undefined',
  "(async () => {}).constructor('return typeof require')() instanceof Promise": 'true',
  "Reflect.construct(Function, ['return typeof globalThis.process.binding'])()": 'undefined',
  "Reflect.getPrototypeOf(function* () {}).constructor('return typeof Buffer')().next().value": 'undefined',
  'typeof require + typeof module + typeof exports + typeof Buffer + typeof fetch + typeof setTimeout':
    'undefined'.repeat(6),
  'typeof WebAssembly + typeof Worker + typeof postMessage + typeof performance + typeof std + typeof os':
    'undefined'.repeat(6),
  'typeof log + typeof run + typeof take + typeof stuck + typeof describe + typeof columns': 'undefined'.repeat(6),
  "console.log.constructor('return typeof process.pid')()": 'undefined',
  "eval('typeof process')": 'function',
  '(0, eval)("this") === globalThis': 'true',
}

for (const [expression, expected] of Object.entries(unreachable))
  test(`${expression} is ${expected}`, async t => {
    assert.equal(await seen(t, expression), expected)
  })

test('walking everything that can be reached finds nothing of the host', async t => {
  const code = `function process() {
    const known = new Set(), found = []
    const walk = (value, path) => {
      if ((typeof value !== 'object' && typeof value !== 'function') || value === null || known.has(value)) return
      known.add(value)
      for (const key of Reflect.ownKeys(value)) {
        if (/^(env|pid|exit|binding|mainModule|execPath|argv|versions)$/.test(String(key))) found.push(path + '.' + String(key))
        let inner
        try { inner = value[key] } catch { continue }
        walk(inner, path + '.' + String(key))
      }
      walk(Object.getPrototypeOf(value), path + '.__proto__')
    }
    walk(globalThis, 'global'); walk(console, 'console')
    return { id: known.size, name: found.join() }
  }`
  const { run } = await opened(t, code)
  const [{ id, name } = {}] = await run(one)
  assert.equal(name, '')
  assert.ok(Number(id) > 100, `it walked over ${id} objects`)
})

test('import() loads nothing', async t => {
  for (const name of ['node:fs', 'fs', './script.ts', 'data:text/javascript,1', 'file:///etc/passwd']) {
    const { run, dead } = await opened(
      t,
      `async function process(input) { await import(${JSON.stringify(name)}); return input }`,
    )
    assert.deepEqual(await run(one), [])
    assert.equal(dead.length, 1)
  }
})

test('import and export at the top level are refused when it is opened', async t => {
  await assert.rejects(opened(t, "import fs from 'node:fs'\nfunction process() {}"), { code: 'bad_pipeline' })
  await assert.rejects(opened(t, 'export function process() {}'), { code: 'bad_pipeline' })
})

test('a row cannot leave anything behind in what all objects share', async t => {
  const code = `function process(input) {
    if (input.id === 1) {
      input.__proto__.name = 'polluted'
      Object.prototype.name = 'polluted'
      input.constructor.prototype.name = 'polluted'
      try { Object.defineProperty(Object.prototype, 'name', { value: 'polluted' }) } catch {}
      try { Object.setPrototypeOf(Object.prototype, { name: 'polluted' }) } catch {}
      return input
    }
    return { id: input.id }
  }`
  const { run } = await opened(t, code)
  const rows = await run([1, 2].map(id => ({ id, name: 'n' })))
  assert.deepEqual(rows, [
    { id: 1, name: 'n', _gs_op: 'i' },
    { id: 2, name: null, _gs_op: 'i' },
  ])
  assert.equal(({} as { name?: string }).name, undefined)
})

test('__proto__ and constructor in a returned row are columns like others, and pollute nothing on the host', async t => {
  const code = `function process({ id }) {
    return JSON.parse('{"id":' + id + ',"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}')
  }`
  const { run, log } = await opened(t, code)
  assert.deepEqual(await run(one), [{ id: 1, name: null, _gs_op: 'i' }])
  assert.equal(log.length, 2)
  assert.equal(({} as { polluted?: number }).polluted, undefined)
})

test('a script that replaces what the sandbox is made of changes no rows', async t => {
  const code = `
    String.prototype.slice = () => 'replaced'
    JSON.parse = JSON.stringify = () => { throw new Error('replaced') }
    Array.prototype.push = Array.prototype.toJSON = () => 'replaced'
    Object.prototype.toJSON = () => 'replaced'
    Object.keys = Reflect.apply = Array.isArray = String = BigInt = Number = Promise = TypeError = () => 'replaced'
    Function.prototype.call = Function.prototype.apply = () => 'replaced'
    function process(input) { return input }`
  const { run, dead } = await opened(t, code)
  assert.deepEqual(await run([...one, { id: '9007199254740993', name: 'x' }]), [
    { id: 1, name: 'n', _gs_op: 'i' },
    { id: '9007199254740993', name: 'x', _gs_op: 'i' },
  ])
  assert.deepEqual(dead, [])
})

test('the function that was there at the end of the top level is the one, whatever happens to its name', async t => {
  const { run } = await opened(
    t,
    'function process(input) { process = () => null; globalThis.process = 5; return input }',
  )
  assert.equal((await run([...one, ...one])).length, 2)
})

test('a cyclic value is a dead letter', async t => {
  const code = 'function process(input) { input.name = { input }; input.name.input = input; return input }'
  const { run, dead } = await opened(t, code)
  assert.deepEqual(await run(one), [])
  assert.match(dead[0]!.message, /circular/)
})

test('objects that answer differently each time break nothing', async t => {
  const code = `let n = 0
  function process({ id }) {
    return [
      { id, get name() { if (n++ % 2) throw new Error('now and then'); return 'x' } },
      new Proxy({}, { get: () => id, ownKeys: () => { throw new Error('no keys') } }),
      { id, name: { toJSON: () => undefined } },
      { id, name: { toJSON() { throw new Error('no JSON') } } },
      Object.create(null), new Map([[1, 2]]), new Date(NaN), new Uint8Array(8), /x/, Object.create({ id: 8 }),
    ][id]
  }`
  const { run, dead } = await opened(t, code)
  const rows = await run(Array.from({ length: 10 }, (_, id) => ({ id, name: '' })))
  assert.deepEqual(
    rows.map(row => [row.id, row.name]),
    [[0, 'x'], [2, null], ...Array.from({ length: 5 }, () => [null, null]), [8, null]],
  )
  assert.equal(dead.length, 2)
})

test('a rejection that nobody handles, and a finalizer that throws, end nothing', async t => {
  const code = `const registry = new FinalizationRegistry(() => { throw new Error('late') })
  function process(input) { Promise.reject(new Error('nobody')); registry.register({}, 1); return input }`
  const { run, dead } = await opened(t, code)
  assert.equal((await run(one)).length, 1)
  assert.equal((await run(one)).length, 1)
  assert.deepEqual(dead, [])
})

test('a promise that settles twice, late, or by a thenable of its own gives one row', async t => {
  const code = `let late
  function process(input) {
    if (late !== undefined) late({ id: 99 })
    if (input.id === 1) return new Promise(resolve => { resolve(input); resolve({ id: 98 }) })
    if (input.id === 2) return new Promise(resolve => { late = resolve })
    if (input.id === 3) { const p = Promise.resolve(input); p.then = f => { f(input); f(input) }; return p }
    return Promise.resolve({ then: resolve => resolve(input) })
  }`
  const { run, dead } = await opened(t, code, { columns })
  assert.deepEqual(
    (await run([1, 2, 3, 4].map(id => ({ id, name: '' })))).map(row => row.id),
    [1, 3, 4],
  )
  assert.equal(dead.length, 1)
})

test('text of any kind comes through, and half a character is a dead letter or stays whole', async t => {
  const { run, dead } = await opened(t, 'function process(i) { if (i.id === 2) i.name = "\\ud800"; return i }')
  const name = '\u0000\n\r\t"\\\u2028\u2029\ufeff😀\u007f'
  assert.deepEqual(
    (
      await run([
        { id: 1, name },
        { id: 2, name: '' },
      ])
    ).map(row => row.name),
    [name],
  )
  assert.match(dead[0]!.message, /"name"/)
})

test('a script that breaks arrays themselves ends its own pipeline, with the reason', async t => {
  const code = `Object.defineProperty(Array.prototype, '0', { set() { throw new Error('broken') } })
  function process(input) { return input }`
  const { run } = await opened(t, code)
  await assert.rejects(run(one), { code: 'limit', message: /^script 'scored' broke the sandbox in 1 row: / })
})
