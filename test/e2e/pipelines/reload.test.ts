import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ndjson, pipelineFolder, until } from '../../support/pipeline.ts'
import { startService } from '../../support/service.ts'

/** A pipeline file that changes while it runs. The table has no key: a row that comes twice is there twice. */

const pipeline = (version: string) => `
sources: { in: { type: file, path: in.ndjson } }
transforms:
  marked:
    type: script
    from: in
    schema: { id: int64, version: text }
    script: "function process({ id }) { return { id, version: '${version}' } }"
sinks:
  out: { type: sqlite, from: marked, path: out.db, table: t }
`

function running(t: TestContext) {
  const folder = pipelineFolder(t)
  let count = 0
  const append = (rows: number) => {
    folder.append('in.ndjson', ndjson(Array.from({ length: rows }, () => ({ id: count++ }))))
    return count
  }
  const rows = () => Number(folder.query('out.db', 'select count(*) as rows from t')[0]?.rows ?? 0)
  const arrived = () => until(`${count} rows`, () => rows() >= count)
  append(10)
  folder.write('p.yaml', pipeline('old'))
  const run = folder.start(['run', 'p.yaml'], { MILLRACE__CHECKPOINT_INTERVAL_SEC: '0.05' })
  return {
    folder,
    run,
    append,
    arrived,
    /** Ends the run after some more rows: each is there once, in the order in which it came, through these versions. */
    async endsWith(...versions: string[]) {
      append(10)
      await arrived()
      const { code, stderr } = await run.end()
      assert.equal(code, 0, stderr)
      const found = folder.query('out.db', 'select id from t order by rowid').map(({ id }) => id)
      assert.deepEqual(
        found,
        Array.from({ length: count }, (_, id) => id),
      )
      const went = folder.query('out.db', 'select version, max(id) as last from t group by version order by last')
      assert.deepEqual(
        went.map(({ version }) => version),
        versions,
      )
    },
  }
}

test('a changed file is taken up by itself, without loss or repeats', async t => {
  const { folder, run, append, arrived, endsWith } = running(t)
  await arrived()
  append(1000)
  folder.write('p.yaml', pipeline('new'))
  append(1000)
  await run.said(/p\.yaml has changed: the pipeline goes over to it/)
  append(1000)
  await run.said(/ended at epoch/)
  await endsWith('old', 'new')
})

test('SIGHUP reads the file again', async t => {
  const { run, append, arrived, endsWith } = running(t)
  await arrived()
  append(1000)
  run.kill('SIGHUP')
  await run.said(/the pipeline goes over to it[\s\S]*ended at epoch/)
  await endsWith('old')
})

test('a changed file that is broken is told with its place, and the pipeline goes on as it was', async t => {
  const { folder, run, append, arrived, endsWith } = running(t)
  await arrived()
  folder.write('p.yaml', pipeline('new').replace('from: marked', 'form: marked'))
  await run.said(/the changed file is not taken up, the pipeline goes on as it was: .*p\.yaml:10:\d+: .*form/s)
  append(10)
  await arrived()
  folder.write('p.yaml', pipeline('mended'))
  await run.said(/the pipeline goes over to it[\s\S]*ended at epoch/)
  await endsWith('old', 'mended')
})

test('a file that changes while it is being read at the start is taken up, too', async t => {
  const folder = pipelineFolder(t)
  const service = await startService(() => 204, t)
  folder.write(
    'slow.mjs',
    `import { definePlugin } from 'millrace/plugin'
const slow = async text => (await fetch('${service.url}', { method: 'POST', body: '{}' }), text)
export default definePlugin({ preprocessors: { slow } })
`,
  )
  folder.write('in.ndjson', ndjson([{ id: 1 }]))
  folder.write('p.yaml', pipeline('old'))
  service.hold()
  const run = folder.start(['run', 'p.yaml'], {
    MILLRACE__PLUGIN__PATH: folder.at('slow.mjs'),
    MILLRACE__PLUGIN__PREPROCESSOR_IDS: 'slow',
  })
  await service.arrived(1)
  folder.write('p.yaml', pipeline('new'))
  service.release()
  await run.said(/p\.yaml has changed: the pipeline goes over to it/)
  assert.equal((await run.end()).code, 0)
})
