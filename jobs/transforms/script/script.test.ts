import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { batchFrom, opened, schemaOf } from './script.suite.ts'
import { config, script } from './script.ts'

const ids = (...list: number[]) => list.map(id => ({ id, name: `n${id}` }))

test('each row goes through process, and comes out as it returns it', async t => {
  const { run, dead } = await opened(t, 'function process(input) { input.name += "!"; return input }')
  assert.deepEqual(await run(ids(1, 2)), [
    { id: 1, name: 'n1!', _gs_op: 'i' },
    { id: 2, name: 'n2!', _gs_op: 'i' },
  ])
  assert.deepEqual(dead, [])
})

test('the defaults are those of the model, and an unknown key is refused', () => {
  assert.equal(config.parse({ from: 'a', script: 'x' }).language, 'javascript')
  assert.equal(config.safeParse({ from: 'a', script: 'x', lang: 'ts' }).success, false)
  assert.equal(config.safeParse({ from: 'a', script: 'x', language: 'python' }).success, false)
  assert.deepEqual(script.inputs(config.parse({ from: 'a', script: 'x' }), ['a']), ['a'])
})

test('with a schema its columns come out with their types, and _gs_op is added', async t => {
  const keys = { schema: { id: 'int64', tier: 'string', at: 'timestamp(us, UTC)', tags: 'list<utf8>' } }
  const code = `const process = ({ id }) => ({ id, tier: id > 1 ? 'gold' : 'tin', at: new Date(id * 1000), tags: ['a', 'b'] })`
  const { run, transform } = await opened(t, code, { keys })
  assert.deepEqual(
    transform.schema.fields.map(field => field.name),
    ['id', 'tier', 'at', 'tags', '_gs_op'],
  )
  assert.deepEqual(await run(ids(2)), [
    { id: 2, tier: 'gold', at: '1970-01-01T00:00:02Z', tags: ['a', 'b'], _gs_op: 'i' },
  ])
})

test('null and undefined drop the row, and so does an empty array', async t => {
  const { run, dropped } = await opened(
    t,
    'function process(input) { return [input, null, undefined, [], [null]][input.id] }',
  )
  assert.deepEqual(
    (await run(ids(0, 1, 2, 3, 4))).map(row => row.id),
    [0],
  )
  assert.equal(dropped(), 4)
})

test('an array gives several rows, in order', async t => {
  const { run, dropped } = await opened(
    t,
    'function process(input) { return [{ ...input, name: "a" }, null, { ...input, name: "b" }] }',
  )
  assert.deepEqual(
    (await run(ids(1, 2))).map(row => `${row.id}${row.name}`),
    ['1a', '1b', '2a', '2b'],
  )
  assert.equal(dropped(), 0)
})

test('a thrown error makes that row a dead letter with the line of the script, and the others go on', async t => {
  const code = `function process(input) {
    if (input.id === 2) {
      throw new RangeError('two is wrong')
    }
    return input
  }`
  const { run, dead } = await opened(t, code)
  assert.deepEqual(
    (await run(ids(1, 2, 3))).map(row => row.id),
    [1, 3],
  )
  assert.deepEqual(dead, [
    { code: 'script_error', message: 'line 3: RangeError: two is wrong', row: { id: 2, name: 'n2' } },
  ])
})

test('whatever is thrown is told', async t => {
  const code = `const thrown = ['text', null, { a: 1 }, 5n, Symbol('s'), () => 1, Object.create(null),
    { get message() { throw 1 } }, { toJSON() { throw 2 } }, new Proxy({}, { get() { throw 3 } })]
  function process({ id }) { throw thrown[id] }`
  const { run, dead } = await opened(t, code)
  assert.deepEqual(await run(ids(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)), [])
  const hidden = 'an error that cannot be shown'
  assert.deepEqual(
    dead.map(letter => letter.message),
    ['text', 'null', '{"a":1}', '5', 'Symbol(s)', '() => 1', '{}', hidden, hidden, hidden],
  )
})

test('what is no row is a dead letter', async t => {
  const code = 'function process({ id }) { return [5, "x", true, () => 1, Symbol(), 5n, [[1]], [[{}]], [7]][id] }'
  const { run, dead } = await opened(t, code)
  assert.deepEqual(await run(ids(0, 1, 2, 3, 4, 5, 6, 7, 8)), [])
  const said = (what: string) => `TypeError: process returned ${what}: return an object, an array of objects, or null`
  assert.deepEqual(
    dead.map(letter => letter.message),
    [
      ...['a number', 'a string', 'a boolean', 'a function', 'a symbol', 'a bigint'].map(said),
      ...['an array in an array', 'an array in an array', 'a number in an array'].map(said),
    ],
  )
})

test('a row that does not fit the schema is a dead letter that names column, value and type', async t => {
  const { run, dead } = await opened(
    t,
    'function process(input) { if (input.id === 1) input.id = "one"; return input }',
  )
  assert.deepEqual(
    (await run(ids(1, 2))).map(row => row.id),
    [2],
  )
  assert.match(dead[0]!.message, /"id".*"one".*int64/)
  assert.deepEqual(dead[0]!.row, { id: 1, name: 'n1' })
})

test('a row of which one part is wrong gives no part, so that a retry makes none twice', async t => {
  const code = `function process(input) {
    if (input.id === 1) return [input, { id: 'wrong' }]
    if (input.id === 2) return [input, 5]
    return [input, input]
  }`
  const { run, dead } = await opened(t, code)
  assert.deepEqual(
    (await run(ids(1, 2, 3))).map(row => row.id),
    [3, 3],
  )
  assert.deepEqual(dead.map(({ row }) => (row as { id: number }).id).sort(), [1, 2])
})

test('a column that the schema does not have is left out with one warning, a missing one is null', async t => {
  const { run, log } = await opened(t, 'function process({ id }) { return { id, nmae: 1 } }')
  await run(ids(1, 2))
  assert.deepEqual(
    (await run(ids(3))).map(row => row.name),
    [null],
  )
  assert.deepEqual(log, [`warn script 'scored' returns a column "nmae" that is not in its schema: it is left out`])
})

test('_gs_op is seen, kept where it is not returned, and may be changed to i, u or d only', async t => {
  const columns = { id: 'int64', _gs_op: 'utf8' }
  const code = `function process({ id, _gs_op }) {
    return id === 1 ? { id } : { id, _gs_op: id === 2 ? 'd' : 'x' + _gs_op }
  }`
  const { run, dead } = await opened(t, code, { columns })
  const given = [1, 2, 3].map(id => ({ id, _gs_op: 'u' }))
  assert.deepEqual(await run(given), [
    { id: 1, _gs_op: 'u' },
    { id: 2, _gs_op: 'd' },
  ])
  assert.deepEqual(
    dead.map(letter => letter.message),
    ['TypeError: _gs_op is i, u or d, not "xu"'],
  )
})

test('a row whose _gs_op is null is an insert', async t => {
  const columns = { id: 'int64', _gs_op: 'utf8' }
  const { run } = await opened(t, 'const process = input => input', { columns })
  assert.deepEqual(await run([{ id: 1, _gs_op: null }]), [{ id: 1, _gs_op: 'i' }])
})

test('names that a script makes up without end are told a hundred times at most', async t => {
  const { run, log } = await opened(t, 'let n = 0; function process({ id }) { return { id, ["x" + n++]: 1 } }')
  await run(Array.from({ length: 80 }, (_, id) => ({ id, name: '' })))
  await run(Array.from({ length: 80 }, (_, id) => ({ id, name: '' })))
  assert.equal(log.length, 100)
})

test('an integer that a number cannot hold is a BigInt in the script, and stays exact', async t => {
  const columns = { id: 'int64', n: 'uint64', text: 'utf8' }
  const code = `function process(input) {
    input.text = typeof input.id + typeof input.n
    if (typeof input.n === 'bigint') input.n -= 1n
    return input
  }`
  const { run } = await opened(t, code, { columns })
  const rows = await run([
    { id: '-9223372036854775808', n: '18446744073709551615', text: '9007199254740993' },
    { id: 7, n: 8, text: null },
  ])
  assert.deepEqual(rows, [
    { id: '-9223372036854775808', n: '18446744073709551614', text: 'bigintbigint', _gs_op: 'i' },
    { id: 7, n: 8, text: 'numbernumber', _gs_op: 'i' },
  ])
})

test('a BigInt mixed with a number is a dead letter, not a wrong number', async t => {
  const { run, dead } = await opened(t, 'function process(input) { input.id += 1; return input }')
  assert.deepEqual(await run([{ id: '9007199254740993', name: '' }]), [])
  assert.match(dead[0]!.message, /^line 1: TypeError/)
  assert.deepEqual(dead[0]!.row, { id: '9007199254740993', name: '' })
})

test('NaN and infinities are numbers in the script and come out as what they are', async t => {
  const { run } = await opened(t, 'function process(input) { input.b = -input.a; return input }', {
    columns: { a: 'float64', b: 'float64' },
  })
  const rows = await run([{ a: 'NaN' }, { a: 'Infinity' }, { a: 1.5 }])
  assert.deepEqual(
    rows.map(({ a, b }) => [a, b]),
    [
      ['NaN', 'NaN'],
      ['Infinity', '-Infinity'],
      [1.5, -1.5],
    ],
  )
})

test('values of every type come through unchanged', async t => {
  const columns = {
    b: 'boolean',
    f: 'float64',
    d: 'date32',
    at: 'timestamp(us, UTC)',
    m: 'decimal128(38, 9)',
    l: 'list<int64>',
    x: 'binary',
    j: 'json',
  }
  const rows = [
    { b: true, f: 0.1, d: '2024-02-29', at: '2024-02-29T12:00:00.123456Z', m: '12345678901234567890.123456789' },
    { b: false, f: -2.5e300, d: null, at: null, m: '1.5', l: [1, 2], x: 'AAEC', j: '{"a":"\u2028 ü 😀"}' },
  ]
  const { run, dead } = await opened(t, 'const process = input => input', { columns })
  const batch = batchFrom(columns, rows)
  assert.deepEqual(
    await run(rows),
    rowsOf(batch).map(row => ({ ...row, _gs_op: 'i' })),
  )
  assert.deepEqual(dead, [])
})

test('a returned object in a text column is JSON text, and a Date an ISO time', async t => {
  const { run } = await opened(
    t,
    'const process = input => ({ ...input, name: input.id === 1 ? { a: [1n] } : new Date(0) })',
  )
  assert.deepEqual(
    (await run(ids(1, 2))).map(row => row.name),
    ['{"a":["1"]}', '1970-01-01T00:00:00.000Z'],
  )
})

test('the same object returned for every row is each row as it was then', async t => {
  const { run } = await opened(
    t,
    'const one = { name: { n: 0 } }; const process = ({ id }) => { one.id = id; one.name.n = id; return one }',
  )
  assert.deepEqual(await run(ids(1, 2)), [
    { id: 1, name: '{"n":1}', _gs_op: 'i' },
    { id: 2, name: '{"n":2}', _gs_op: 'i' },
  ])
})

test('globals stay from row to row and from batch to batch, in order, also with calls at once', async t => {
  const { transform } = await opened(
    t,
    'let n = 0; function process(input) { input.name = String(n++); return input }',
    {
      keys: { batch_size: 2 },
    },
  )
  const columns = { id: 'int64', name: 'utf8' }
  const calls = [ids(1, 2, 3), ids(4, 5), ids(6, 7, 8)].map(rows =>
    transform.process([batchFrom(columns, rows)], 'input'),
  )
  const rows = (await Promise.all(calls)).flat().flatMap(rowsOf)
  assert.deepEqual(
    rows.map(row => `${row.id}:${row.name}`),
    ['1:0', '2:1', '3:2', '4:3', '5:4', '6:5', '7:6', '8:7'],
  )
})

test('parallelism gives sandboxes with globals of their own', async t => {
  const { transform } = await opened(t, 'let n = 0; function process(input) { input.id = n++; return input }', {
    keys: { parallelism: 2 },
  })
  assert.equal(transform.concurrency, 3)
  const columns = { id: 'int64', name: 'utf8' }
  const calls = [1, 2].map(() => transform.process([batchFrom(columns, ids(9, 9))], 'input'))
  const rows = (await Promise.all(calls)).flat().flatMap(rowsOf)
  assert.deepEqual(
    rows.map(row => row.id),
    [0, 1, 0, 1],
  )
})

test('an async process is awaited row by row', async t => {
  const code = `let running = 0
  async function process(input) {
    if (++running > 1) throw new Error('two at once')
    await null
    await Promise.resolve()
    running--
    if (input.id === 2) throw new Error('two')
    if (input.id === 3) return new Promise(() => {})
    return input.id === 4 ? [input, input] : input
  }`
  const { run, dead } = await opened(t, code)
  assert.deepEqual(
    (await run(ids(1, 2, 3, 4))).map(row => row.id),
    [1, 4, 4],
  )
  assert.deepEqual(
    dead.map(letter => letter.message),
    [
      'line 7: Error: two',
      'TypeError: the promise of process never settles: nothing outside of the script can settle it',
    ],
  )
  assert.deepEqual(
    (await run(ids(5))).map(row => row.id),
    [5],
  )
})

test('anything with a function then is awaited as a promise is', async t => {
  const code = `class Later extends Promise {}
  function process(input) {
    const { id } = input
    if (id === 1) return { then(resolve) { resolve(input); resolve({ id: 9 }) } }
    if (id === 2) return { then(resolve, reject) { reject(new Error('two')) } }
    if (id === 3) return { then() {} }
    if (id === 4) return { then(resolve) { resolve({ then(inner) { inner([input, input]) } }) } }
    if (id === 5) return { get then() { throw new Error('five') } }
    if (id === 6) return Object.assign(() => {}, { then(resolve) { resolve(null) } })
    if (id === 7) return Later.resolve(input)
    return { id, then: 'a text' }
  }`
  const { run, dead, dropped } = await opened(t, code)
  assert.deepEqual(
    (await run(ids(1, 2, 3, 4, 5, 6, 7, 8))).map(row => row.id),
    [1, 4, 4, 7, 8],
  )
  assert.deepEqual(
    dead.map(letter => letter.message),
    [
      'line 5: Error: two',
      'TypeError: the promise of process never settles: nothing outside of the script can settle it',
      'line 8: Error: five',
    ],
  )
  assert.equal(dropped(), 1)
})

test('columns may be named as anything', async t => {
  const names = ['__proto__', 'constructor', 'toString', 'a"b\\', '\u2028', '$' + '{x}', '`', '1', 'length', '_gs_op2']
  const columns = Object.fromEntries(names.map(name => [name, 'utf8']))
  const row = Object.fromEntries(names.map(name => [name, `v ${name}`]))
  const { run, dead, log } = await opened(t, 'const process = i => i.length === "none" ? {} : i', { columns })
  const [same] = await run([row])
  assert.deepEqual(Object.entries(same!), [...Object.entries(row), ['_gs_op', 'i']])
  const [empty] = await run([{ length: 'none' }])
  assert.deepEqual(Object.values(empty!), [...names.map(() => null), 'i'])
  assert.deepEqual([dead, log], [[], []])
})

test('an unknown type in the schema is told with its place', async t => {
  await assert.rejects(opened(t, 'const process = i => i', { keys: { schema: { a: 'int65' } } }), {
    code: 'bad_pipeline',
    path: ['schema', 'a'],
    message: /column "a": there is no type "int65"/,
  })
})

test('a batch is cut by rows, and by its size', async t => {
  const { run } = await opened(t, 'let n = 0; const process = i => ({ id: i.id, name: String(i.name.length) })', {
    limits: { memory: '20MiB' },
  })
  const name = 'x'.repeat(300_000)
  const rows = await run(Array.from({ length: 20 }, (_, id) => ({ id, name })))
  assert.deepEqual(
    rows.map(row => row.id),
    Array.from({ length: 20 }, (_, id) => id),
  )
  const many = await run(Array.from({ length: 25_000 }, (_, id) => ({ id, name: '' })))
  assert.deepEqual([many.length, many.at(-1)?.id], [25_000, 24_999])
})

test('loading the definition loads no engine', async () => {
  const { execFileSync } = await import('node:child_process')
  const program = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ resolve: (name, context, next) => (loaded.push(name), next(name, context)) })
    await import('./script.ts')
    console.log(JSON.stringify(loaded.filter(name => /quickjs|arrow/.test(name))))`
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd: import.meta.dirname })
  assert.equal(output.toString().trim(), '[]')
})

test('what comes out without a schema is what came in, with _gs_op', async t => {
  const { transform } = await opened(t, 'const process = i => i', { columns: { a: 'int32' } })
  assert.deepEqual(
    transform.schema.fields.map(({ name, type }) => `${name} ${type}`),
    schemaOf({ a: 'int32', _gs_op: 'utf8' }).fields.map(({ name, type }) => `${name} ${type}`),
  )
})
