import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lines, ndjson, pipelineFolder, printedRows } from '../../support/pipeline.ts'

/** What comes out of `millrace run`, and how it is called. */

const folder = pipelineFolder()
const rows = Array.from({ length: 3000 }, (_, id) => ({ id, text: 'ä\n"' }))
folder.write('in.ndjson', ndjson(rows))
const pipeline = (sink: string) => `
sources: { in: { type: file, path: in.ndjson, primary_key: id } }
transforms:
  chatty:
    type: script
    from: in
    script: "function process(row) { if (row.id < 3) console.log('row', row.id); return row }"
sinks: { ${sink}: { type: print, from: chatty } }
`
folder.write('a.yaml', pipeline('out'))
folder.write('b.yaml', pipeline('other'))

test('rows go to stdout and nothing else does; all else goes to stderr', async () => {
  const { code, stdout, stderr } = await folder.millrace([
    'run',
    'a.yaml',
    'b.yaml',
    '--job-mode',
    '--log-level',
    'debug',
  ])
  assert.equal(code, 0, stderr)
  const printed = printedRows(stdout)
  assert.ok(printed.every(([kind]) => kind === 'INSERT'))
  const ids = printed.map(([, { id }]) => Number(id)).sort((one, other) => one - other)
  assert.deepEqual(
    ids,
    rows.flatMap(({ id }) => [id, id]),
  )
  assert.ok(
    lines(stderr).every(line => line.startsWith('millrace: ')),
    stderr,
  )
  assert.match(stderr, /^millrace: a: chatty: row 0$/m)
  assert.match(stderr, /^millrace: b: ended at epoch 1$/m)
})

test('log level error leaves only rows', async () => {
  const { code, stdout, stderr } = await folder.millrace([
    'run',
    'a.yaml',
    '--job-mode',
    '--reset',
    '--log-level',
    'error',
  ])
  assert.deepEqual([code, lines(stdout).length, stderr], [0, rows.length, ''])
})

test('a reader who has enough ends the run without an error', async t => {
  const own = pipelineFolder(t)
  own.write('in.ndjson', ndjson(rows))
  own.write('a.yaml', pipeline('out'))
  const run = own.start(['run', 'a.yaml'])
  await run.printed(1)
  run.stopReading()
  own.append('in.ndjson', ndjson(rows))
  const { code, stderr } = await run.ended
  assert.equal(code, 0, stderr)
})

for (const [what, args, env, says] of [
  ['an unknown option', ['a.yaml', '--job-mod'], {}, /unknown option '--job-mod'[\s\S]*--job-mode/],
  [
    'an address that is none',
    ['a.yaml', '--admin', 'here'],
    {},
    /--admin: expected HOST:PORT, such as 127\.0\.0\.1:3000, got here/,
  ],
  ['a port that is none', ['a.yaml', '--admin', '127.0.0.1:99999'], {}, /--admin: expected HOST:PORT/],
  [
    'a setting of the wrong kind',
    ['a.yaml'],
    { MILLRACE__CHECKPOINT_INTERVAL_SEC: 'soon', STREAMLING__DRAIN_POLICY: 'never' },
    /^millrace: MILLRACE__CHECKPOINT_INTERVAL_SEC: .*soon[\s\S]*^millrace: STREAMLING__DRAIN_POLICY: .*never/m,
  ],
  [
    'a setting that is none',
    ['a.yaml'],
    { MILLRACE__CHECKPOINT_INTERVAL: '1' },
    /unknown key, did you mean MILLRACE__CHECKPOINT_INTERVAL_SEC\?/,
  ],
] as const)
  test(`${what} is wrong usage: exit 2, and nothing runs`, async () => {
    const { code, stdout, stderr } = await folder.millrace(['run', ...args], env)
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, says)
  })

test('a run that names no file takes the one of the settings', async () => {
  const usual = await folder.millrace(['run'])
  assert.deepEqual([usual.code, usual.stdout], [1, ''])
  assert.match(usual.stderr, /pipeline file \.\/pipeline\.yaml does not exist/)
  const { stderr } = await folder.millrace(['run'], { STREAMLING__PIPELINE_DEFINITION_LOCATION: 'mine.yaml' })
  assert.match(stderr, /pipeline file mine\.yaml does not exist/)
})

test('two files of one pipeline name are refused with both', async () => {
  const text =
    'name: twin\nsources: { in: { type: file, path: in.ndjson, schema: { id: int64 }, mode: { type: bounded } } }\nsinks: { out: { type: blackhole, from: in } }\n'
  folder.write('in.ndjson', '{"id":1}\n')
  folder.write('one.yaml', text)
  folder.write('two.yaml', text)
  const { code, stderr } = await folder.millrace(['run', 'one.yaml', 'two.yaml', '--job-mode'])
  assert.equal(code, 1)
  assert.match(stderr, /one\.yaml and two\.yaml are both called 'twin'/)
})

test('a file that is not there, or a folder, is a failure: exit 1, by name', async () => {
  const { code, stdout, stderr } = await folder.millrace(['run', 'none.yaml', '.'])
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /pipeline file none\.yaml does not exist/)
  assert.match(stderr, /pipeline file \. cannot be read/)
})

test('--help has examples', async () => {
  const { code, stdout } = await folder.millrace(['run', '--help'])
  assert.equal(code, 0)
  assert.match(stdout, /Examples:\n {2}millrace run \S+\.yaml/)
})
