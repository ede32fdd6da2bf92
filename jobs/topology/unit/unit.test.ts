import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { formatProblem } from '../problem.ts'
import { createDesk, settingsOf } from '../topology.suite.ts'
import { runUnitFile } from './unit.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-unit-'))
after(() => rmSync(folder, { recursive: true }))

const pipeline = `
sources:
  raw: { type: desk.rows, bug: true }
  other: { type: desk.rows, bug: true }
transforms:
  big: { type: desk.keep, from: raw, column: amount, least: 10, dead_below: 0, primary_key: id }
  both: { type: desk.pass, from: [big, other], primary_key: id }
  answered: { type: handler, from: big, url: "http://127.0.0.1:1/", primary_key: id }
sinks:
  out: { type: desk.out, from: both, bug: true }
  told: { type: desk.out, from: answered, bug: true }
`
writeFileSync(join(folder, 'orders.yaml'), pipeline)

async function run(tests: string, head = 'pipeline: orders.yaml') {
  const file = join(folder, 'orders.test.yaml')
  writeFileSync(file, `${head}\ntests:\n${tests}`)
  const { problems, results } = await runUnitFile({ file, settings: settingsOf(), plugins: createDesk().plugins })
  return { problems: problems.map(problem => formatProblem(problem).replaceAll(`${folder}/`, '')), results }
}

test('rows go through the transforms, and neither sources nor sinks are opened', async () => {
  const { problems, results } = await run(`
- name: small orders are dropped
  given: { raw: [{ id: 1, amount: 5 }, { id: 2, amount: 5000, _gs_op: u }] }
  expect: { big: [{ id: 2, _gs_op: u }] }
- name: a sink has the rows of both
  given: { raw: [{ id: 1, amount: 50 }], other: [{ id: 2, amount: 1 }] }
  expect: { out: [{ id: 2 }, { id: 1 }] }
  unordered: true
- name: a wrong expectation is told
  given: { raw: [{ id: 1, amount: 50 }] }
  expect: { big: [{ id: 1, amount: 49 }], raw: [] }
`)
  assert.deepEqual(problems, [])
  assert.deepEqual(results, [
    { name: 'small orders are dropped', ok: true, lines: [] },
    { name: 'a sink has the rows of both', ok: true, lines: [] },
    {
      name: 'a wrong expectation is told',
      ok: false,
      lines: [
        'big: 1 row expected, 1 came',
        '  row 1: amount: expected 49, got 50',
        'raw: 0 rows expected, 1 came',
        '  + row 1 is too many: {"id":1,"amount":50,"_gs_op":"i"}',
      ],
    },
  ])
})

test('the rows of a transform can be given, so that a server need not answer', async () => {
  const { results } = await run(`
- name: given
  given: { answered: [{ id: 1 }] }
  expect: { told: [{ id: 1 }] }
- name: not given
  given: { raw: [{ id: 1, amount: 50 }] }
  expect: { told: [{ id: 1 }] }
`)
  assert.deepEqual(
    results.map(({ lines }) => lines),
    [[], ["transform 'answered': calls a server, which a test does not: name the rows of its answer under 'given'"]],
  )
})

test('dead letters are expected, or fail the test', async () => {
  const given = 'given: { raw: [{ id: 1, amount: -5 }] }'
  const { results } = await run(`
- { name: expected, ${given}, dead: { big: [{ id: 1 }] } }
- { name: unexpected, ${given}, expect: { big: [] } }
`)
  assert.equal(results[0]!.ok, true)
  assert.deepEqual(results[1]!.lines, [
    'dead letters of big: 0 rows expected, 1 came',
    '  + row 1 is too many: {"id":1,"amount":-5,"_gs_op":"i"}',
    '  too_low: amount is -5',
  ])
})

test('columns are declared, seen in another test of the file, or missed', async () => {
  const { results } = await run(
    `
- { name: no rows, given: {}, expect: { big: [] } }
- { name: too long for a double, given: { raw: [{ id: "9007199254740993", amount: 10 }] }, expect: { big: [{ id: "9007199254740993" }] } }
- { name: not known, given: {}, expect: { both: [] } }
- { name: does not fit, given: { raw: [{ id: x }] }, expect: { big: [] } }
`,
    'pipeline: orders.yaml\nschema: { raw: { id: int64, amount: float64 } }',
  )
  assert.deepEqual(
    results.map(({ lines }) => lines),
    [
      [],
      [],
      ["source 'other': is needed, and has no rows in any test: name it under 'given', or its columns under 'schema'"],
      ['source \'raw\': given.raw: row 1: column "id": "x" is no int64'],
    ],
  )
})

test('a test that names no node of the pipeline fails by itself', async () => {
  const { results } = await run(`
- { name: a, given: { rwa: [{ id: 1 }] }, expect: { big: [] } }
- { name: b, given: { raw: [{ id: 1, amount: 10 }] }, expect: { big: [{ id: 1 }] } }
- { name: c, given: { raw: [text] }, expect: { big: [] } }
`)
  assert.deepEqual(
    results.map(({ ok, lines }) => [ok, ...lines]),
    [
      [false, "the pipeline has no node 'rwa'"],
      [true],
      [false, "source 'raw': given.raw: expected rows; only a dynamic table has values"],
    ],
  )
})

test('mistakes of the file are told with their places, and no test runs', async () => {
  const mistakes = await run(
    '- { nam: x, given: { raw: 5 }, expect: { big: [1] } }\n- { name: y }',
    'pipelin: orders.yaml',
  )
  assert.deepEqual(mistakes, {
    problems: [
      'orders.test.yaml:1:1: pipeline: is missing: expected text',
      'orders.test.yaml:3:3: tests.0.name: is missing: expected text',
      'orders.test.yaml:3:27: tests.0.given.raw: expected a list, got 5',
      'orders.test.yaml:3:48: tests.0.expect.big.0: expected keys and values, got 1',
      "orders.test.yaml:3:5: unknown key 'nam', did you mean 'name'?",
      'orders.test.yaml:4:3: tests.1: a test expects something: add expect',
      "orders.test.yaml:1:1: unknown key 'pipelin', did you mean 'pipeline'?",
    ],
    results: [],
  })
  const typed = await run('- { name: a, expect: { big: [] } }', 'pipeline: orders.yaml\nschema: { raw: { id: int65 } }')
  assert.match(typed.problems.join(), /orders\.test\.yaml:2:22: schema\.raw\.id: there is no type "int65"/)
})

test('a pipeline that is wrong, or not there, is told', async () => {
  writeFileSync(join(folder, 'broken.yaml'), 'sources: { a: { type: desk.row } }\nsinks: {}')
  const one = '- { name: a, expect: { big: [] } }'
  assert.match(
    (await run(one, 'pipeline: broken.yaml')).problems.join('\n'),
    /^broken\.yaml:1:23: unknown source type/m,
  )
  assert.match(
    (await run(one, 'pipeline: none.yaml')).problems.join(),
    /^orders\.test\.yaml:1:11: the pipeline cannot be read: ENOENT/,
  )
})
