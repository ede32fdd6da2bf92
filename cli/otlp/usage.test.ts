import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { run, temporaryFolder } from '../harness/command.suite.ts'
import { logsProtobuf } from './otlp.suite.ts'

const folder = temporaryFolder()
after(folder.remove)
const path = join(folder.path, 'logs.pb')
writeFileSync(path, logsProtobuf(['a']))

const usages: [args: string[], problem: RegExp][] = [
  [['a.pb'], /a\.pb: neither the protobuf nor the name tells the signal: say --signal logs, traces or metrics/],
  [[], /stdin: the name does not tell the format: say --format/],
  [[path, '--to', 'a.csv'], /'--to <file>' argument 'a\.csv' is invalid\. Expected a file name that ends in \.parquet/],
  [[path, '--to', 'a.parquet', '--stream', 'k'], /'--to <file>' cannot be used with option '--stream <key>'/],
  [[path, '--store', 'memory:'], /a memory: store ends with this command: name a file/],
  [[path, '--store', 'oracle:x'], /the store "oracle:"… is none of/],
  [[path, '--signal', 'profiles'], /Allowed choices are logs, traces, metrics/],
  [[path, '--on-error', 'stop'], /Allowed choices are fail, skip/],
]
for (const [args, problem] of usages)
  test(`wrong usage: otlp ${args.map(arg => (arg === path ? 'logs.pb' : arg)).join(' ')}`, async () => {
    const { code, stdout, stderr } = await run(['otlp', ...args])
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, problem)
  })

test('a file that does not exist, and a folder, are failures', async () => {
  for (const [name, reason] of [
    ['none-logs.pb', /^millrace: read none-logs\.pb: ENOENT/],
    [folder.path, /it is a folder/],
  ] as const) {
    const { code, stderr } = await run(['otlp', name, '--format', 'json'])
    assert.equal(code, 1)
    assert.match(stderr, reason)
  }
})

test('the help has examples', async () => {
  const { code, stdout } = await run(['otlp', '--help'])
  assert.equal(code, 0)
  assert.match(stdout, /Examples:\n {2}millrace otlp traces\.jsonl/)
})
