import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { ndjson, pipelineFolder } from '../../support/pipeline.ts'

/** What the model refuses before anything runs, with its sentences. */

const folder = pipelineFolder()
before(() => folder.write('blocks.ndjson', ndjson([{ id: 1, block_number: 7, data: 'a' }])))

const blocks = `
sources:
  blocks: { type: file, path: blocks.ndjson, mode: { type: bounded }, primary_key: id }
transforms:
  high:
    type: sql
    primary_key: id
    sql: SELECT id, block_number FROM blocks WHERE block_number > 5
sinks:
  out: { type: print, from: high }
`

interface Report {
  success: boolean
  is_valid: boolean
  errors: string[]
  warnings: string[]
}

let files = 0
/** Each text gets a file of its own: the check of one does not see the other. */
async function check(text: string, args: readonly string[] = [], env = {}): Promise<Report & { code: number | null }> {
  const file = `p${files++}.yaml`
  folder.write(file, text)
  const { code, stdout, stderr } = await folder.millrace(['check', '--json', ...args, file], env)
  assert.doesNotMatch(stdout, /^$/, stderr)
  const report: Report = JSON.parse(stdout)
  const plain = (list: readonly string[]) => list.map(line => line.replace(file, 'p.yaml'))
  return { ...report, errors: plain(report.errors), warnings: plain(report.warnings), code }
}

/** The only error, for which `run` ends, too. */
async function refused(text: string, args?: readonly string[], env?: Record<string, string>): Promise<string> {
  const { code, success, is_valid, errors } = await check(text, args, env)
  assert.deepEqual([code, success, is_valid, errors.length], [1, true, false, 1], errors.join('\n'))
  return errors[0]!
}

test('a pipeline that is right', async () => {
  assert.deepEqual(await check(blocks), { code: 0, success: true, is_valid: true, errors: [], warnings: [] })
})

test('sources and transforms that nobody reads', async () => {
  const text = blocks
    .replace(
      'transforms:',
      '  more: { type: file, path: blocks.ndjson, mode: { type: bounded }, primary_key: id }\ntransforms:',
    )
    .replace('from: high', 'from: blocks')
  assert.match(
    await refused(text),
    /Source\(s\) and\/or transform\(s\) have no consumers: more, high\. Remove them or connect them to a transform or sink\.$/,
  )
})

test('a primary key that is no column', async () => {
  assert.match(
    await refused(blocks.replace('primary_key: id\n', 'primary_key: does_not_exist\n')),
    /Primary key validation failed for node 'high': columns \["does_not_exist"\] not found in schema\. Available columns: \["id","block_number","_gs_op"\]$/,
  )
})

test('a dynamic table that nobody defined', async () => {
  const text = blocks.replace('block_number > 5', "dynamic_table_check('nonexistent_table', data)")
  assert.match(await refused(text), /dynamic table 'nonexistent_table'.* not defined in pipeline topology/)
})

test('a column that is not there is told once, with the one that was meant', async () => {
  const inSource = await refused(blocks.replace('primary_key: id }', 'primary_key: id, filter: block_numbr > 3 }'))
  assert.match(inSource, /block_numbr/)
  assert.equal(inSource.split(/did you mean/i).length, 2, inSource)
  assert.match(inSource, /did you mean '?"?block_number/i)
  const inSql = await refused(blocks.replace('WHERE block_number', 'WHERE block_numbr'))
  assert.equal(inSql.split('"block_number"').length, 2, inSql)
})

test('job mode with a source that does not end, by flag and by environment', async () => {
  const sentence = /job_mode is enabled but the following source\(s\) do not support it: 'endless'/
  folder.write(
    'endless.ts',
    `import { arrow, definePlugin, sourceFrom, typeOf, withOp, z } from 'millrace/plugin'
const schema = withOp(new arrow.Schema([new arrow.Field('id', typeOf('int64'))]))
const endless = sourceFrom({ config: z.strictObject({}), create: () => ({ schema, primaryKey: ['id'], generate: async () => undefined }) })
export default definePlugin({ sources: { endless } })
`,
  )
  const env = { STREAMLING__PLUGIN__PATH: folder.at('endless.ts') }
  const text = 'sources: { endless: { type: endless } }\nsinks: { out: { type: print, from: endless } }\n'
  assert.match(await refused(text, ['--connect', '--job-mode'], env), sentence)
  assert.match(await refused(text, ['--connect'], { ...env, STREAMLING__JOB_MODE: 'true' }), sentence)
  assert.equal((await check(text, ['--connect'], env)).is_valid, true)
})

test('a file that goes on ends in job mode with what is there', async () => {
  const following = blocks.replace(', mode: { type: bounded }', '')
  assert.equal((await check(following, ['--job-mode'])).is_valid, true)
})

test('a broken pipeline is no more run than checked, and nothing is written for it', async () => {
  folder.write('broken.yaml', blocks.replace('from: high', 'from: hihg'))
  const { code, stdout, stderr } = await folder.millrace(['run', 'broken.yaml'])
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /^millrace: broken\.yaml:10:29: there is no source or transform 'hihg', did you mean 'high'\?$/m)
  assert.throws(() => folder.read('state.db'), { code: 'ENOENT' })
})

test('text that is no pipeline at all is refused with its place', async () => {
  const texts = [
    '',
    '- 1\n',
    'sources: [\n',
    'a: &x { b: *y }\n',
    '\u0000',
    'sources: {}\nsinks: {}\n',
    `x: ${'['.repeat(5000)}`,
  ]
  const names = texts.map((_, at) => `none${at}.yaml`)
  for (const [at, text] of texts.entries()) folder.write(names[at]!, text)
  const { code, stdout } = await folder.millrace(['check', '--json', ...names])
  assert.equal(code, 1)
  const reports: (Report & { file: string })[] = JSON.parse(stdout)
  for (const [at, { file, success, is_valid, errors }] of reports.entries()) {
    assert.deepEqual([file, success, is_valid], [names[at], true, false])
    assert.ok(errors.length > 0)
    for (const error of errors) assert.match(error, /^none\d\.yaml:\d+:\d+: \S/)
  }
})
