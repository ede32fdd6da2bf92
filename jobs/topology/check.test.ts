import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { noPlugins } from './kinds.ts'
import { checkDesk, createDesk, problemsOf, settingsOf } from './topology.suite.ts'

const good = `
name: orders
sources:
  rows: { type: desk.rows, columns: [id, amount], declares: [id] }
transforms:
  big: { type: desk.pass, from: rows, telemetry: { labels: { team: a }, event_time: { column: at, unit: seconds } } }
sinks:
  out: { type: desk.out, from: big, count: 3 }
`

test('a pipeline that is right gives its nodes in order, with parsed keys', async () => {
  const { problems, topology } = await checkDesk(good)
  assert.deepEqual(problems, [])
  assert.equal(topology!.name, 'orders')
  assert.deepEqual(
    topology!.nodes.map(({ kind, name, type, inputs, place }) => [kind, name, type, inputs, place.line]),
    [
      ['source', 'rows', 'desk.rows', [], 4],
      ['transform', 'big', 'desk.pass', ['rows'], 6],
      ['sink', 'out', 'desk.out', ['big'], 8],
    ],
  )
  const { labels, eventTime } = topology!.node('big')
  assert.deepEqual({ labels, eventTime }, { labels: { team: 'a' }, eventTime: { column: 'at', unit: 'seconds' } })
  assert.equal((topology!.node('out').config as { count: number }).count, 3)
  assert.deepEqual(
    topology!.consumers('rows').map(({ name }) => name),
    ['big'],
  )
  assert.throws(() => topology!.node('none'), /pipeline 'orders' has no node 'none'/)
})

test('without a name the file gives it, so that two versions beside each other share no state', async () => {
  const unnamed = good.replace('name: orders', '')
  const nameOf = async (file: string) => (await checkDesk(unnamed, { file })).topology!.name
  assert.equal(await nameOf('a/orders.v2.yaml'), 'orders.v2')
  assert.equal(await nameOf('orders.json'), 'orders')
  assert.equal(await nameOf('.yaml'), '.yaml')
})

test('everything that was opened is closed again, last first, also where a node fails', async () => {
  for (const fail of ['', ', bug: true']) {
    const desk = createDesk()
    await checkDesk(good.replace('count: 3', `count: 3${fail}`), { plugins: desk.plugins })
    assert.deepEqual(desk.opened, ['rows', 'big'])
    assert.deepEqual(desk.closed, ['big', 'rows'])
  }
})

test('a broken node hides nothing but what hangs on it', async () => {
  const text = `
sources:
  bad: { type: desk.rows, columns: [a], primary_key: a, fail: bad_pipeline, fail_at: [columns, '0'] }
  good: { type: desk.rows, primary_key: id }
transforms:
  behind: { type: desk.pass, from: bad, bug: true }
sinks:
  lost: { type: desk.out, from: behind, bug: true }
  other: { type: desk.out, from: good, fail: refused }
  third: { type: desk.out, from: good, fail: bad_pipeline, fail_at: [count], count: 2 }
`
  assert.deepEqual(await problemsOf(text), [
    '3:37: bad says bad_pipeline',
    '9:3: other says refused',
    '10:85: third says bad_pipeline',
  ])
})

test('a bug of a node is told as internal, and a mistake of the file is not', async () => {
  const bug = await checkDesk(good.replace('count: 3', 'bug: true'))
  assert.deepEqual(
    bug.problems.map(({ message, internal }) => [message, internal]),
    [["node 'out': out is undefined", true]],
  )
  const mistake = await checkDesk(good.replace('count: 3', 'fail: refused'))
  assert.deepEqual(
    mistake.problems.map(({ internal }) => internal),
    [undefined],
  )
})

test('a primary key must be there, in the words of the model, and is asked for once', async () => {
  const text = good.replace('from: big', 'from: big, primary_key: [id, does_not_exist]')
  assert.deepEqual(await problemsOf(text), [
    '8:50: Primary key validation failed for node \'out\': columns ["does_not_exist"] not found in schema. Available columns: ["id","amount","_gs_op"]',
  ])
  const transform = good.replace('from: rows', 'from: rows, primary_key: nope')
  assert.match((await problemsOf(transform)).join(), /^6:52: Primary key validation failed for node 'big': .*\]$/)
})

test('a node without a primary key is a warning, or an error where that is asked for; what reads it is not told again', async () => {
  const text = good.replace(', declares: [id]', '')
  assert.deepEqual(await problemsOf(text), ["4:3: warning: source 'rows' has no primary_key"])
  assert.ok((await checkDesk(text)).topology)
  const settings = settingsOf({ enforce_primary_keys: true })
  assert.deepEqual(await problemsOf(text, { settings }), ["4:3: source 'rows' has no primary_key"])
  const dropped = good.replace('from: rows', 'from: rows, columns: [amount]')
  assert.deepEqual(await problemsOf(dropped, { settings }), ["6:3: transform 'big' has no primary_key"])
})

test('the key of a source goes on to sinks that name none', async () => {
  assert.deepEqual(await problemsOf(good.replace('count: 3', 'warn: key is')), ['8:3: warning: key is id'])
})

test('job mode takes only sources that come to an end, and names all others', async () => {
  const text = `
sources:
  a: { type: desk.rows, primary_key: id, bounded: false }
  b: { type: desk.rows, primary_key: id }
  c: { type: desk.rows, primary_key: id, bounded: false }
transforms: { all: { type: desk.pass, from: [a, b, c], primary_key: id } }
sinks: { out: { type: desk.out, from: all } }
`
  assert.deepEqual(await problemsOf(text), [])
  assert.deepEqual(await problemsOf(text, { settings: settingsOf({ job_mode: true }) }), [
    "3:3: job_mode is enabled but the following source(s) do not support it: 'a', 'c'. Their rows do not come to an end",
  ])
})

test('where phases of a hybrid source overlap, a sink that does not replace rows by key is warned of', async () => {
  const { plugins } = createDesk()
  const as = <D extends { type: string }>(definition: D, type: string): D => ({ ...definition, type })
  const standIns = {
    ...plugins,
    sources: [...plugins.sources, as(plugins.sources[0]!, 'hybrid')],
    sinks: [...plugins.sinks, as(plugins.sinks[0]!, 'sqlite'), as(plugins.sinks[0]!, 'print')],
  }
  const text = `
sources: { both: { type: hybrid, primary_key: id }, plain: { type: desk.rows, primary_key: id } }
transforms: { all: { type: desk.pass, from: [plain, both], primary_key: id } }
sinks:
  replaces: { type: sqlite, from: all, primary_key: id }
  fleeting: { type: print, from: all }
  appends: { type: desk.out, from: all }
  apart: { type: desk.out, from: plain }
`
  assert.deepEqual(await problemsOf(text, { plugins: standIns }), [
    "7:3: warning: duplicates are possible: rows that several phases of 'both' have come to 'appends' more than once",
  ])
})

test('nodes of plugins are opened only with connect', async () => {
  const desk = createDesk()
  const problems = await problemsOf(good, { plugins: desk.plugins, connect: false })
  assert.deepEqual(problems, [
    "4:3: warning: 'rows' is a plugin's, and is opened only with --connect: what hangs on it is not checked",
  ])
  assert.deepEqual(desk.opened, [])
})

test('all that the server of a sink lacks is named', async () => {
  const text = good.replace('count: 3', 'lacks: [table orders, grant on events]')
  assert.deepEqual(await problemsOf(text), ['8:44: out has no table orders', '8:44: out has no grant on events'])
})

test('what cannot be reached is an error to a person, and a warning to a pipeline that will try again', async () => {
  const text = good.replace('count: 3', 'fail: unavailable')
  assert.deepEqual(await problemsOf(text), ['8:3: out says unavailable'])
  assert.deepEqual(await problemsOf(text, { unreachable: 'warning' }), ['8:3: warning: out says unavailable'])
})

test('a transform whose inputs cannot be told is told itself, and no node seems to be without a reader', async () => {
  const text = good.replace('from: rows', 'from: rows, unreadable: true')
  assert.deepEqual(await problemsOf(text), ['6:51: a join is not possible'])
})

test('preprocessors see the text first, in the order of the settings, and lines are those of the result', async () => {
  const { plugins } = createDesk()
  const preprocessors = new Map([
    ['names', async (text: string, options: object) => text.replaceAll('$type', JSON.stringify(options))],
    ['types', async (text: string) => text.replaceAll('{"to":"desk"}', 'desk.rows')],
    ['breaks', async () => Promise.reject(new Error('no such template'))],
  ])
  const run = (ids: string[]) =>
    checkDesk(good.replace('desk.rows', '$type'), {
      plugins: { ...plugins, preprocessors },
      settings: settingsOf({ plugin: { preprocessor_ids: ids, preprocessor_options: { names: { to: 'desk' } } } }),
    })
  assert.deepEqual((await run(['names', 'types'])).problems, [])
  const { problems } = await run(['names', 'breaks', 'none'])
  assert.deepEqual(
    problems.map(({ file, message }) => `${file}: ${message}`),
    [
      "p.yaml: preprocessor 'breaks': no such template",
      "p.yaml: plugin.preprocessor_ids: no plugin has the preprocessor 'none'",
      'p.yaml (preprocessed): expected the name of a type, got keys and values',
    ],
  )
})

test('side outputs of plugins come with the topology, and one that no plugin has is an error', async () => {
  const { plugins } = createDesk()
  const open = async () => ({ observe: async () => {}, close: async () => {} })
  const settings = settingsOf({ plugin: { side_output_ids: ['tap'], side_output_options: { tap: { a: 1 } } } })
  const { topology } = await checkDesk(good, {
    plugins: { ...plugins, sideOutputs: new Map([['tap', open]]) },
    settings,
  })
  assert.deepEqual(topology!.sideOutputs, [{ id: 'tap', open, options: { a: 1 } }])
  assert.deepEqual(await problemsOf(good, { settings }), [
    "1:1: plugin.side_output_ids: no plugin has the side output 'tap'",
  ])
})

test('an empty pipeline says what it needs', async () => {
  assert.deepEqual(await problemsOf('sources: {}\nsinks: {}', { plugins: noPlugins }), [
    '1:1: sources: at least one is needed',
    '2:1: sinks: at least one is needed',
  ])
})

test('whatever becomes of a text, it is right, or its problems say what is wrong, and nothing stays open', async () => {
  const lines = `${good}  more: { type: desk.out, from: rows }\n`.split('\n')
  const words = [
    'from: rows',
    'type: desk.pass',
    'big',
    ': {',
    '}',
    '- x',
    '*a',
    '&a ',
    'columns: [id]',
    'bug: true',
    '"',
  ]
  const edit = fc.record({
    line: fc.nat(lines.length - 1),
    at: fc.nat(60),
    removed: fc.nat(12),
    added: fc.constantFrom('', '', ...words),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { maxLength: 4 }), async edits => {
      const edited = [...lines]
      for (const { line, at, removed, added } of edits) {
        const text = edited[line]!
        edited[line] = text.slice(0, at) + added + text.slice(at + removed)
      }
      const desk = createDesk()
      const { problems, topology } = await checkDesk(edited.join('\n'), { plugins: desk.plugins })
      assert.equal(
        topology === undefined,
        problems.some(({ severity }) => severity === 'error'),
      )
      assert.deepEqual([...desk.closed].sort(), [...desk.opened].sort())
      for (const { line, column, message } of problems) assert.ok(line >= 1 && column >= 1 && message !== '')
    }),
    { numRuns: 500 },
  )
})
