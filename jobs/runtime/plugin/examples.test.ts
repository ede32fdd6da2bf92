import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { text as textOf } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { testNode } from '../../drivers/http/http.suite.ts'
import { settingsSchema } from '../../settings.ts'
import { checkPipeline } from '../../topology/check.ts'
import { batchOfRows } from '../batch/build.ts'
import { rowsOf } from '../batch/rows.ts'
import type { Position } from '../contract.ts'
import { loadPlugins } from './load.ts'

const folder = new URL('../../../test/fixtures/plugins/', import.meta.url)
const fixture = (name: string) => readFileSync(new URL(name, folder), 'utf8')
const plugins = await loadPlugins([fileURLToPath(folder)], { environment: {} })
const settings = settingsSchema.parse({})

test('the code of the README is that of the examples', () => {
  const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8')
  for (const name of ['pipeline.yaml', 'basic.ts', 'print.js', 'text-tools/package.json', 'text-tools/index.js'])
    assert.ok(readme.includes(`\n${fixture(name).trimEnd()}\n\`\`\`\n`), `${name} differs`)
})

test("the model's pipeline of plugins is right as it stands", async () => {
  const { problems, topology } = await checkPipeline({
    text: fixture('pipeline.yaml'),
    file: 'pipeline.yaml',
    settings,
    plugins,
    connect: true,
  })
  assert.deepEqual(problems, [])
  assert.deepEqual(
    topology?.nodes.map(({ name, type }) => [name, type]),
    [
      ['plugin_data', 'basic_plugin.random_source'],
      ['updated_plugin_data', 'basic_plugin.filter_transform'],
      ['print.updated_plugin_data', 'print_sink'],
    ],
  )
})

test('a key that is misspelt under options is told at its place', async () => {
  const { problems } = await checkPipeline({
    text: fixture('pipeline.yaml').replace('mode:', 'mod:'),
    file: 'pipeline.yaml',
    settings,
    plugins,
    connect: true,
  })
  assert.deepEqual(
    problems.map(({ line, message }) => [line, message]),
    [[17, "unknown key 'mod', did you mean 'mode'?"]],
  )
})

/** Runs the example in a process of its own, since it prints. */
const program = `
  import { readFileSync } from 'node:fs'
  const jobs = new URL(${JSON.stringify(new URL('../../', import.meta.url).href)})
  const load = path => import(new URL(path, jobs).href)
  const [{ loadPlugins }, { checkPipeline }, { runPipeline }, { openMemoryState }, { settingsSchema }] = await Promise.all(
    ['runtime/plugin/load.ts', 'topology/check.ts', 'runtime/run/run.ts', 'state/memory/memory.ts', 'settings.ts'].map(load))
  const { createMeters, noMetrics, silent } = await load('runtime/harness/pipeline.suite.ts')
  const folder = process.argv[1]
  const settings = settingsSchema.parse({})
  const { topology } = await checkPipeline({
    text: readFileSync(folder + 'pipeline.yaml', 'utf8'), file: 'pipeline.yaml', settings, plugins: await loadPlugins([folder]), connect: true })
  await runPipeline({
    topology, settings, state: await openMemoryState(), jobMode: true, reset: false, log: () => silent, metricsOf: () => noMetrics,
    meterOf: createMeters(), signal: new AbortController().signal, drain: new AbortController().signal })`

test('it runs to its end, and prints its rows', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, fileURLToPath(folder)], {
    env: { ...process.env, MILLRACE__PLUGIN__BASIC_PLUGIN_RANDOM_SOURCE__MAX_ROWS: '25' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [printed, [code]] = await Promise.all([textOf(child.stdout), once(child, 'exit')])
  assert.equal(code, 0)
  const batches = printed
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  const rows = batches.flat()
  assert.equal(rows.length, 25, 'the environment goes before the file')
  assert.deepEqual(Object.keys(rows[0]), ['alphanumeric_field', 'num_field', '_gs_op'])
})

test('the random source gives the same rows again for the same positions', async t => {
  const definition = plugins.sources.find(({ type }) => type === 'basic_plugin.random_source')!
  const config = definition.config.parse({ options: { max_rows: '25', record_batch_size: '10' } })
  const source = await definition.open(config, testNode(t).context)
  const read = async (from: Position, to?: Position) => {
    const reader = source.read(from, to)
    const rows = []
    for (let next = await reader.next(); next !== undefined; next = await reader.next())
      rows.push(...rowsOf(next.batch))
    await reader.close()
    return rows
  }
  const all = await read(await source.start())
  assert.equal(all.length, 25)
  assert.deepEqual(await read({ at: 10 }, { at: 20 }), all.slice(10, 20))
  assert.equal(source.bounded, true)
  await source.close()
})

test('the filter keeps the rows whose columns have the values of its options', async t => {
  const definition = plugins.transforms.find(({ type }) => type === 'basic_plugin.filter_transform')!
  const source = plugins.sources[0]!
  const { schema } = await source.open(source.config.parse({ max_rows: 1 }), testNode(t).context)
  const config = definition.config.parse({ from: 'in', options: { _gs_op: 'i', num_field: 5 } })
  const transform = await definition.open(config, new Map([['in', { schema, primaryKey: [] }]]), testNode(t).context)
  const { batch } = batchOfRows(schema, [
    { alphanumeric_field: 'a', num_field: 5, _gs_op: 'i' },
    { alphanumeric_field: 'b', num_field: 6, _gs_op: 'i' },
    { alphanumeric_field: 'c', num_field: 5, _gs_op: 'd' },
  ])
  const kept = (await transform.process([batch!], 'in')).flatMap(rowsOf)
  assert.deepEqual(
    kept.map(row => row.alphanumeric_field),
    ['a'],
  )
})

test('the function, the preprocessor and the side output do what they say', async t => {
  const [initials] = plugins.udfs
  assert.equal(initials?.call('ada  lovelace'), 'AL')
  assert.equal(initials?.call(null), null)
  const fillIn = plugins.preprocessors.get('fill_in')!
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what the preprocessor looks for
  assert.equal(await fillIn('table: ${table}', { table: 'orders' }), 'table: orders')
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as above
  await assert.rejects(fillIn('${toString}', {}), { code: 'bad_pipeline' })
  const { context, counts } = testNode(t)
  const source = plugins.sources[0]!
  const { schema } = await source.open(source.config.parse({ max_rows: 1 }), context)
  const counter = await plugins.sideOutputs.get('row_counter')!({ schema, primaryKey: [] }, {}, context)
  await counter.observe(batchOfRows(schema, [{ alphanumeric_field: 'a', num_field: 1, _gs_op: 'i' }]).batch!)
  await counter.close()
  assert.equal(counts.get('observed_rows'), 1)
})
