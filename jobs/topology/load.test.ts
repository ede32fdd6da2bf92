import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { PipelineError } from '../runtime/errors.ts'
import { loadTopology } from './load.ts'
import { PipelineProblems } from './problem.ts'
import { summary } from './summary.ts'
import { settingsOf } from './topology.suite.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-load-'))
after(() => rmSync(folder, { recursive: true }))

const settings = settingsOf({
  plugin: { path: fileURLToPath(new URL('../../test/fixtures/plugins', import.meta.url)) },
})

function write(text: string): string {
  const file = join(folder, 'drawn.yaml')
  writeFileSync(file, text)
  return file
}

const text = `
sources:
  drawn: { type: basic_plugin.random_source, options: { max_rows: "5" } }
  more: { type: basic_plugin.random_source, options: { max_rows: "5" } }
sinks:
  shown: { type: print_sink, from: drawn }
  also: { type: print_sink, from: more }
`

test('a file gives its topology, with plugins of the settings', async () => {
  const { topology } = await loadTopology({ file: write(text), settings, connect: true })
  assert.equal(topology.name, 'drawn')
  assert.equal(
    summary(topology),
    'drawn: 2 sources, 0 transforms, 2 sinks: ok\n' +
      `  drawn -> shown (print_sink): ${topology.sinks[0]!.definition.guarantee}\n` +
      `  more -> also (print_sink): ${topology.sinks[1]!.definition.guarantee}`,
  )
})

test('one that is wrong is refused with all its problems', async () => {
  const file = write(text.replaceAll('from: ', 'from: not_'))
  await assert.rejects(loadTopology({ file, settings }), (error: unknown) => {
    assert.ok(error instanceof PipelineProblems)
    assert.deepEqual(error.message.match(/there is no source or transform 'not_/g)?.length, 2)
    assert.ok(error.message.startsWith(`${file}:`))
    return true
  })
})

test('a file or a plugin that cannot be read is named', async () => {
  const none = join(folder, 'none.yaml')
  const failure = (message: RegExp) => (error: unknown) =>
    error instanceof PipelineError && error.code === 'bad_pipeline' && message.test(error.message)
  await assert.rejects(loadTopology({ file: none, settings }), failure(/pipeline file .*none\.yaml does not exist$/))
  await assert.rejects(loadTopology({ file: folder, settings }), failure(/pipeline file .* cannot be read$/))
  const missing = settingsOf({ plugin: { path: join(folder, 'plugin.js') } })
  await assert.rejects(loadTopology({ file: write(text), settings: missing }), failure(/plugin\.js/))
})
