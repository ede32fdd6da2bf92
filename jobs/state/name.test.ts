import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { tempFolder } from '../runtime/harness/folder.suite.ts'
import { settingsSchema } from '../settings.ts'
import { checkFile } from '../topology/load.ts'
import { readPipeline } from './name.ts'

const nodes = (file: string) => `sources: { in: { type: file, path: "${file}", format: json, mode: { type: bounded } } }
transforms: {}
sinks: { out: { type: blackhole, from: in } }
`

test('a pipeline has the name under which it runs', async t => {
  const folder = tempFolder(t)
  const rows = join(folder, 'rows.ndjson')
  writeFileSync(rows, '{"id":1}\n')
  const settings = settingsSchema.parse({})
  for (const [name, head] of [
    ['orders.yaml', ''],
    ['orders.v2.YML', ''],
    ['orders.json', ''],
    ['.yaml', ''],
    ['plain', ''],
    ['a.yaml', 'name: "Bestellungen ä"\n'],
  ] as const) {
    const file = join(folder, name)
    writeFileSync(file, head + nodes(rows))
    const { topology, problems } = await checkFile({ file, settings })
    assert.equal(readPipeline(file).name, topology?.name, `${name}: ${problems.map(({ message }) => message)}`)
  }
})

test('a pipeline that is not there is named', () => {
  assert.throws(() => readPipeline('/none/a.yaml'), {
    code: 'bad_pipeline',
    message: /the pipeline \/none\/a\.yaml cannot be read/,
  })
})
