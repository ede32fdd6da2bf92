import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problemsOf } from './topology.suite.ts'

/** The problems of a source with these keys; each stands where the text of `at` does. */
async function ofSource(keys: string, ...at: string[]): Promise<string[]> {
  const line = `sources: { a: { type: desk.rows, primary_key: id, ${keys} } }`
  const problems = await problemsOf(`${line}\nsinks: { out: { type: desk.out, from: a } }`)
  return problems.map((problem, index) => {
    const start = `1:${line.lastIndexOf(at[index]!) + 1}: `
    assert.ok(problem.startsWith(start), `${problem} begins with ${start}`)
    return problem.slice(start.length)
  })
}

test('an unknown key names the nearest one that is known there, at the key', async () => {
  assert.deepEqual(await ofSource('colums: [id]', 'colums'), ["unknown key 'colums', did you mean 'columns'?"])
  assert.deepEqual(await ofSource('telemetry: { event_time: { colunm: at, column: at } }', 'colunm'), [
    "unknown key 'colunm', did you mean 'column'?",
  ])
  assert.deepEqual(await ofSource('mode: { type: bounded, every: 1 }', 'every'), [
    "unknown key 'every': 'desk.rows' has type here",
  ])
})

test('wrong values are told together, each at its place', async () => {
  const keys = 'columns: text, bounded: maybe, mode: { type: forever }, telemetry: { labels: { a: 17 } }'
  assert.deepEqual(await ofSource(keys, 'text', 'maybe', 'forever', '17'), [
    "columns: expected a list, got 'text'",
    "bounded: expected true or false, got 'maybe'",
    "mode.type: expected one of bounded, continuous, got 'forever'",
    'telemetry.labels.a: expected text, got 17',
  ])
})

test('an unknown type names the nearest, the section where it belongs, or what there is', async () => {
  const typed = (section: string, type: string) => problemsOf(`${section}: { a: { type: ${type}, from: b } }`)
  assert.ok(
    (await typed('sources', 'desk.row')).includes("1:23: unknown source type 'desk.row', did you mean 'desk.rows'?"),
  )
  assert.ok((await typed('sources', 'print')).includes("1:23: source type 'print': 'print' belongs under sinks"))
  assert.match(
    (await typed('sinks', 'elasticsearch')).join('\n'),
    /unknown sink type 'elasticsearch': there are blackhole, /,
  )
  assert.match((await typed('sources', 'toString')).join('\n'), /unknown source type 'toString'/)
})

test('what the model has and we have not says so', async () => {
  assert.match(
    (await problemsOf('sinks: { a: { type: memory, from: b } }')).join('\n'),
    /sink type 'memory' is for the model's own tests: use millrace test, or 'blackhole'/,
  )
})

test('labels are told at their key', async () => {
  assert.deepEqual(await ofSource('telemetry: { labels: { ok: x, id: x } }', 'id: x'), [
    "label 'id' is one that the runtime sets itself",
  ])
})
