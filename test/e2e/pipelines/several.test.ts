import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ndjson, type PipelineFolder, pipelineFolder, until } from '../../support/pipeline.ts'
import { startService } from '../../support/service.ts'

/** Several pipelines in one process: what one of them suffers holds up no other. */

const env = { MILLRACE__CHECKPOINT_INTERVAL_SEC: '0.05' }
const source = '{ type: file, path: in.ndjson }'

function withFine(folder: PipelineFolder) {
  folder.write('in.ndjson', ndjson([{ id: 1 }]))
  folder.write(
    'fine.yaml',
    `
sources: { in: ${source} }
sinks: { out: { type: sqlite, from: in, path: fine.db, table: t } }
`,
  )
  let next = 2
  /** A row that comes now arrives now. */
  return async function stillRuns(): Promise<void> {
    const id = next++
    folder.append('in.ndjson', ndjson([{ id }]))
    await until(
      `row ${id} in the fine pipeline's table`,
      () => folder.query('fine.db', `select id from t where id = ${id}`).length === 1,
    )
  }
}

test('a sink that hangs stalls nobody else', async t => {
  const folder = pipelineFolder(t)
  const stillRuns = withFine(folder)
  const service = await startService(() => 204, t)
  service.hold()
  folder.write(
    'stuck.yaml',
    `
sources: { in: ${source} }
sinks: { out: { type: webhook, from: in, url: "${service.url}", one_row_per_request: true } }
`,
  )
  const run = folder.start(['run', 'stuck.yaml', 'fine.yaml'], env)
  await service.arrived(1)
  await stillRuns()
  await stillRuns()
  const { code, stderr } = await run.end()
  assert.equal(code, 0, stderr)
})

test('a pipeline that gives up ends alone; the others go on, and the exit tells of it', async t => {
  const folder = pipelineFolder(t)
  const stillRuns = withFine(folder)
  const service = await startService(() => 400, t)
  folder.write(
    'refused.yaml',
    `
sources: { in: ${source} }
sinks: { out: { type: webhook, from: in, url: "${service.url}" } }
`,
  )
  folder.write(
    'endless.yaml',
    `
sources: { in: ${source} }
transforms: { spin: { type: script, from: in, script: "function process(input) { for (;;); }" } }
sinks: { out: { type: blackhole, from: spin } }
`,
  )
  const run = folder.start(['run', 'refused.yaml', 'endless.yaml', 'fine.yaml'], env)
  await Promise.all([
    run.said(/refused: pipeline 'refused': sink 'out':.* 400/),
    run.said(/endless: pipeline 'endless': transform 'spin':/),
  ])
  await stillRuns()
  const { code, stderr } = await run.end()
  assert.equal(code, 1)
  assert.match(stderr, /^millrace: refused\.yaml, endless\.yaml: failed$/m)
  assert.match(stderr, /^millrace: fine: ended at epoch \d+$/m)
})

test('one that gave up begins again once its file is mended', async t => {
  const folder = pipelineFolder(t)
  const stillRuns = withFine(folder)
  const broken = `
sources: { in: ${source} }
transforms: { marked: { type: script, from: in, script: "function process(input) { for (;;); }" } }
sinks: { out: { type: sqlite, from: marked, path: mended.db, table: t } }
`
  folder.write('p.yaml', broken)
  const run = folder.start(['run', 'p.yaml', 'fine.yaml'], env)
  await run.said(/p: pipeline 'p': transform 'marked':/)
  folder.write('p.yaml', broken.replace('for (;;);', 'return input'))
  await stillRuns()
  await until('both rows', () => folder.query('mended.db', 'select id from t').length === 2)
  const { code, stderr } = await run.end()
  assert.equal(code, 0, stderr)
})

test('jobs side by side: each ends by itself, the exit is that of the worst', async t => {
  const folder = pipelineFolder(t)
  withFine(folder)
  folder.write(
    'broken.yaml',
    `
sources: { in: ${source} }
transforms: { spin: { type: script, from: in, script: "function process(input) { for (;;); }" } }
sinks: { out: { type: blackhole, from: spin } }
`,
  )
  const { code, stderr } = await folder.millrace(['run', 'broken.yaml', 'fine.yaml', '--job-mode'], {
    ...env,
    MILLRACE__SCRIPT__TIMEOUT: '1s',
  })
  assert.equal(code, 1)
  assert.match(stderr, /^millrace: broken\.yaml: failed$/m)
  assert.deepEqual(folder.query('fine.db', 'select id from t'), [{ id: 1 }])
})

test('one file that is wrong keeps all from running, and all mistakes are told', async t => {
  const folder = pipelineFolder(t)
  withFine(folder)
  folder.write('a.yaml', 'sources: { in: { type: flie } }\nsinks: { out: { type: print, from: in } }\n')
  folder.write('b.yaml', `sources: { in: ${source} }\nsinks: { out: { type: print, form: in } }\n`)
  const { code, stdout, stderr } = await folder.millrace(['run', 'a.yaml', 'fine.yaml', 'b.yaml', '--job-mode'])
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /^millrace: a\.yaml:1:\d+: .*flie/m)
  assert.match(stderr, /^millrace: b\.yaml:2:\d+: .*form/m)
  assert.deepEqual(folder.query('fine.db', 'select * from t'), [])
})

test('two files of one folder share no state, and one file given twice runs once', async t => {
  const folder = pipelineFolder(t)
  withFine(folder)
  folder.write('other.yaml', folder.read('fine.yaml').replace('fine.db', 'other.db'))
  const { code, stderr } = await folder.millrace(['run', 'fine.yaml', 'other.yaml', 'fine.yaml', '--job-mode'], env)
  assert.equal(code, 0, stderr)
  for (const file of ['fine.db', 'other.db'])
    assert.deepEqual(folder.query(file, 'select id from t'), [{ id: 1 }], file)
})
