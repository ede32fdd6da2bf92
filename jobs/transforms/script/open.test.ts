import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createConsole, linesPerSecond } from './console.ts'
import { opened } from './script.suite.ts'
import { compile } from './typescript.ts'

const one = [{ id: 1, name: 'n' }]

for (const language of ['js', 'javascript'])
  test(`${language} takes JavaScript, and no types`, async t => {
    const keys = { language }
    assert.equal((await (await opened(t, 'function process(i) { return i }', { keys })).run(one)).length, 1)
    await assert.rejects(opened(t, 'function process(i: Row) { return i }', { keys }), { code: 'bad_pipeline' })
  })

for (const language of ['ts', 'typescript'])
  test(`${language} takes types out and keeps the lines`, async t => {
    const code = `interface Row {
      id: number
      name: string
    }
    function process(input: Row): Row | null {
      if (input.id > 1) throw new Error('large' as string)
      return { ...input, name: \`\${input.name}!\` } satisfies Row
    }`
    const { run, dead } = await opened(t, code, { keys: { language } })
    assert.deepEqual(
      (await run([...one, { id: 2, name: '' }])).map(row => row.name),
      ['n!'],
    )
    assert.deepEqual(
      dead.map(letter => letter.message),
      ['line 6: Error: large'],
    )
  })

test('syntax that is more than types is rewritten, and errors still have the line of the source', async t => {
  const code = `enum Tier {
    Low = 'low',
    High = 'high',
  }

  type Row = {
    id: number
  }
  class Box { constructor(readonly value: string) {} }

  function process(input: Row) {
    if (input.id > 1)
      throw new Error('large')
    return { ...input, name: new Box(Tier.High).value }
  }`
  const { run, dead } = await opened(t, code, { keys: { language: 'typescript' } })
  assert.deepEqual(
    (await run([...one, { id: 2, name: '' }])).map(row => row.name),
    ['high'],
  )
  assert.deepEqual(
    dead.map(letter => letter.message),
    ['line 13: Error: large'],
  )
})

test('compiling TypeScript warns nobody, and leaves warnings as they were', () => {
  const emit = process.emitWarning
  const warnings: string[] = []
  const hear = (warning: Error) => warnings.push(warning.message)
  process.on('warning', hear)
  assert.equal(compile('let a: number').code, 'let a        ')
  assert.throws(() => compile('let a: ='))
  process.off('warning', hear)
  assert.equal(process.emitWarning, emit)
  assert.deepEqual(warnings, [])
})

const wrong: Record<string, readonly [language: string, script: string, message: RegExp]> = {
  'a syntax error': ['js', 'function process(i) {\n  return i +\n}', /^line 3: SyntaxError/],
  'a syntax error in TypeScript': ['ts', 'function process(i) {\n  let a: = 1\n}', /^line 2: /],
  'an error of the top level': ['js', 'const a = 1\n\nnull.x', /^line 3: TypeError/],
  'a top level that throws no error': ['js', 'throw "so"', /^so$/],
  'no function process': [
    'js',
    'function proces(i) { return i }',
    /^there is no function process\(input\): write one$/,
  ],
  'a process that is no function': ['js', 'var process = 5', /^there is no function process/],
}

for (const [what, [language, script, message]] of Object.entries(wrong))
  test(`${what} is refused when it is opened`, async t => {
    await assert.rejects(opened(t, script, { keys: { language } }), { code: 'bad_pipeline', path: ['script'], message })
  })

test('one wrong sandbox of several closes the others', async t => {
  const code = 'if (Math.random() >= 0) throw new Error("always"); function process() {}'
  await assert.rejects(opened(t, code, { keys: { parallelism: 3 } }), { code: 'bad_pipeline' })
})

test('console goes to the log of the node, with its level', async t => {
  const code = `console.log('top', 1, { a: [true] }, null, undefined)
  function process(input) {
    console.debug('d'); console.info('i'); console.warn('w'); console.error(new TypeError('e'), 5n, Symbol('s'))
    return input
  }`
  const { run, log } = await opened(t, code)
  await run(one)
  assert.deepEqual(log, [
    'info top 1 {"a":[true]} null undefined',
    'debug d',
    'info i',
    'warn w',
    'warn TypeError: e 5 Symbol(s)',
  ])
})

test('no script can forge a line of the log', async t => {
  const hostile = 'a\nb\r\u001b[2J\u007f\u009b\u2028\u202e\tü'
  const shown = 'a\\nb\\u000d\\u001b[2J\\u007f\\u009b\\u2028\\u202e\tü'
  const text = JSON.stringify(hostile)
  const { run, log, dead } = await opened(t, `function process() { console.log(${text}); throw ${text} }`)
  await run(one)
  assert.deepEqual(log, [`info ${shown}`])
  assert.equal(dead[0]!.message, shown)
  await assert.rejects(opened(t, `throw new Error(${text})`), { message: `line 1: Error: ${shown}` })
})

test('what was logged before a breach is there', async t => {
  const { run, log } = await opened(t, 'function process() { console.log("before"); while (true) {} }', {
    limits: { timeout: '100ms' },
  })
  await assert.rejects(run(one), { code: 'limit' })
  assert.deepEqual(log, ['info before'])
})

test('at most so many lines a second reach the log, and what was left out is told', () => {
  const lines: string[] = []
  const console = createConsole((level, text) => lines.push(`${level} ${text}`))
  for (let at = 0; at < linesPerSecond + 5; at++) console.line('info', `${at}`, 50)
  assert.equal(lines.length, linesPerSecond)
  console.line('info', 'later', 1050)
  assert.deepEqual(lines.slice(linesPerSecond), [
    'warn 5 lines of console were left out: at most 1000 in a second',
    'info later',
  ])
})

test('a long line is cut', () => {
  const lines: string[] = []
  createConsole((_, text) => lines.push(text)).line('info', 'x'.repeat(5000), 0)
  assert.equal(lines[0], `${'x'.repeat(2000)}… (5000 characters)`)
})

test('a script that logs without measure is bounded', async t => {
  const { run, log } = await opened(
    t,
    'function process(i) { for (let k = 0; k < 3000; k++) console.log("x".repeat(1e5)); return i }',
    {
      limits: { timeout: '60s' },
    },
  )
  assert.equal((await run(one)).length, 1)
  assert.ok(log.length >= linesPerSecond && log.every(line => line.length < 2100), `${log.length} lines`)
})
