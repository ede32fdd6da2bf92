import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { settingsSchema } from '../../settings.ts'
import { quietLog } from '../schedule.suite.ts'
import { fileRunner } from './run-file.ts'

function pipelineFor(t: TestContext, rows: number, transforms = '{}', from = 'in') {
  const folder = tempFolder(t)
  const input = join(folder, 'in.ndjson')
  writeFileSync(input, Array.from({ length: rows }, (_, id) => `${JSON.stringify({ id })}\n`).join(''))
  const file = join(folder, 'p.yaml')
  writeFileSync(
    file,
    `sources: { in: { type: file, path: "${input}", format: json, mode: { type: bounded }, primary_key: id } }
transforms: ${transforms}
sinks: { out: { type: blackhole, from: ${from} } }
`,
  )
  const state_backend = { sqlite: { database_path: join(folder, 'state.db') } }
  return { file, run: fileRunner(settingsSchema.parse({ state_backend }), quietLog) }
}

test('a pipeline is run to its end, and what is new by the next run', async t => {
  const { file, run } = pipelineFor(t, 25)
  const { signal } = new AbortController()
  assert.deepEqual(await run(file, signal), { rows: 25, dead_letters: 0 })
  assert.deepEqual(await run(file, signal), { rows: 0, dead_letters: 0 })
})

test('a pipeline that cannot run says what is wrong', async t => {
  const { file, run } = pipelineFor(t, 1, '{}', 'nothing')
  await assert.rejects(run(file, new AbortController().signal), /p\.yaml:3:\d+: .*nothing/)
})

test('an abort ends it, before it runs and while it does', async t => {
  const { file, run } = pipelineFor(t, 5)
  await assert.rejects(run(file, AbortSignal.abort(new Error('timeout'))), /timeout/)
  const slow = `{ s: { type: script, from: in, language: js, primary_key: id, script: "function process(r) { for (;;); }" } }`
  const stuck = pipelineFor(t, 5, slow, 's')
  const abort = new AbortController()
  const ended = assert.rejects(stuck.run(stuck.file, abort.signal))
  abort.abort(new Error('timeout'))
  await ended
})
