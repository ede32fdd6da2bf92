import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { Producer, timestamp, u8, u16, utf8 } from '../../core/otlp/otap/otap.suite.ts'
import { run } from '../harness/command.suite.ts'
import { gatewayOfFile, payloadsOf, startGateway } from '../harness/gateway.suite.ts'
import { type Fate, startProxy } from '../harness/proxy.suite.ts'
import { badLog, gauge, lines, logs, logsProtobuf, metrics, spans } from './otlp.suite.ts'

const gateway = gatewayOfFile()

function file(name: string, content: string | Uint8Array): string {
  const path = join(gateway.folder, name)
  writeFileSync(path, content)
  return path
}

const otlp = (args: string[]) => run(['otlp', '--url', gateway.url, ...args])

/** Runs it with --json, which has to succeed. */
async function imported(...args: string[]) {
  const { code, stdout, stderr } = await otlp([...args, '--json'])
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}

/** The rows of a stream: what `key` of them is. */
async function rowsOf(stream: string, key: string) {
  return (await payloadsOf(gateway.url, stream)).map(text => JSON.parse(text)[key])
}

test('files of all formats are stored, each in a stream of its own, and the outcome is one JSON object', async () => {
  const json = file('doc.json', JSON.stringify(logs(['doc']), undefined, 2))
  const all = file('all.jsonl', lines([logs(['l1', 'l2']), spans(['s']), metrics([gauge('m', { asInt: '7' })])]))
  const pb = file('logs.pb', logsProtobuf(['pb']))
  const outcome = await imported(json, all, pb)
  const { seconds, bytes, files, ...totals } = outcome
  assert.deepEqual(totals, { records: 6, accepted: 6, duplicates: 0, rejected: 0 })
  assert.ok(seconds > 0 && bytes > 0)
  assert.deepEqual(
    files.map(({ file, records }: { file: string; records: number }) => [file, records]),
    [
      [json, 1],
      [all, 4],
      [pb, 1],
    ],
  )
  const [first, second, third] = files.map(({ stream }: { stream: string }) => stream)
  assert.match(first, /^otlp-doc\.json-[0-9a-f]{32}$/)
  assert.deepEqual(await rowsOf(first, 'body'), ['doc'])
  assert.deepEqual(await rowsOf(second, 'table'), ['otlp_logs', 'otlp_logs', 'otlp_traces', 'otlp_metrics_gauge'])
  assert.deepEqual(await rowsOf(third, 'body'), ['pb'])
})

test('the same import twice stores nothing twice, and other content is another stream', async () => {
  const path = file('twice.jsonl', lines([logs(['a']), spans(['b']), badLog]))
  const first = await imported(path, '--on-error', 'skip')
  assert.deepEqual([first.accepted, first.duplicates, first.rejected], [2, 0, 1])
  const { code, stderr } = await otlp([path, path, '--on-error', 'skip'])
  assert.equal(code, 0)
  assert.match(stderr, /0 records stored in .*, 6 were there already/)
  assert.equal((await rowsOf(first.files[0].stream, 'table')).length, 2)
  appendFileSync(path, lines([logs(['c'])]))
  const grown = await imported(path, '--on-error', 'skip')
  assert.deepEqual([grown.accepted, grown.duplicates, grown.files[0].stream === first.files[0].stream], [3, 0, false])
})

test('with --stream all files are one stream, and other content at its positions is a conflict', async () => {
  const [a, b] = [file('a.json', JSON.stringify(logs(['a']))), file('b-logs.pb', logsProtobuf(['b', 'c']))]
  const stream = 'ströme/1'
  await imported(a, '--stream', stream)
  const both = await imported(a, b, '--stream', stream, '--gzip')
  assert.deepEqual([both.accepted, both.duplicates], [2, 1])
  assert.deepEqual(await rowsOf(stream, 'body'), ['a', 'b', 'c'])
  const { code, stderr } = await otlp([b, '--stream', stream])
  assert.equal(code, 1)
  assert.match(stderr, /b-logs\.pb: .*\/v1\/logs\S*: offset 0 of stream "ströme\/1" was stored with another body/)
})

test('one file read as another signal is another stream', async () => {
  const path = file('x.pb', new Uint8Array([0x0a, 0x04, 0x12, 0x02, 0x12, 0x00]))
  const streams = []
  for (const signal of ['logs', 'traces']) {
    const args = [path, '--signal', signal, '--on-error', 'skip']
    streams.push((await imported(...args)).files[0].stream)
  }
  assert.notEqual(streams[0], streams[1])
})

test('a refused record or a bad line fails its file, of which nothing is stored, after the files before it', async () => {
  const good = file('good.json', JSON.stringify(logs(['good'])))
  const bad = file('bad.jsonl', `${lines([logs(['fine'])])}\n{"a":}\n${lines([badLog])}`)
  const { code, stdout, stderr } = await otlp([good, bad, '--json', '--stream', 'failed'])
  assert.equal(code, 1)
  assert.match(
    stderr,
    /millrace: \S+bad\.jsonl:3: record 0: the line is broken at column 6: .*; \S+bad\.jsonl:4: record 0: traceId is "abc".*; nothing of \S+bad\.jsonl is stored: .*--on-error skip/,
  )
  const outcome = JSON.parse(stdout)
  assert.deepEqual([outcome.accepted, outcome.files.length], [1, 1])
  assert.match(outcome.error, /bad\.jsonl:3/)
  assert.deepEqual(await rowsOf('failed', 'body'), ['good'])
})

test('with --on-error skip refused records are dead letters with the text that was refused', async () => {
  const path = file('skip.jsonl', `${lines([logs(['fine'])])}{"a":}\n${lines([badLog, logs(['last'])])}`)
  const { code, stderr } = await otlp([path, '--on-error', 'skip', '--stream', 'skipped'])
  assert.equal(code, 0)
  assert.match(stderr, /2 records stored in .*, 2 became dead letters/)
  assert.deepEqual(await rowsOf('skipped', 'body'), ['fine', 'last'])
  const page = await fetch(`${gateway.url}/v1/dead-letters?stream=skipped`)
  const { dead_letters: letters } = (await page.json()) as { dead_letters: Record<string, unknown>[] }
  assert.deepEqual(
    letters.map(({ index, code }) => [index, code]),
    [
      [1, 'bad_record'],
      [2, 'bad_record'],
    ],
  )
})

test('a file that cannot be read as a whole is left out by --on-error skip, which then fails', async () => {
  const cut = file('cut-logs.pb', logsProtobuf(['a', 'b']).subarray(0, -4))
  const json = file('broken.json', '{\n "resourceLogs": [}')
  const good = file('after.json', JSON.stringify(logs(['after'])))
  const { code, stdout, stderr } = await otlp([cut, json, good, '--on-error', 'skip', '--json'])
  assert.equal(code, 1)
  assert.match(stderr, /cut-logs\.pb: the logs request is broken at byte \d+: .*: the file is left out/)
  assert.match(stderr, /broken\.json: the logs request is broken at line 2, column 19: .*: the file is left out/)
  assert.match(stderr, /millrace: 2 of 3 files were left out\n$/)
  assert.equal(JSON.parse(stdout).accepted, 1)
  assert.match((await otlp([cut])).stderr, /^millrace: \S+cut-logs\.pb: the logs request is broken at byte/)
})

test('gzip and zstd are known by their content, and stdin by what is said of it', async () => {
  const text = lines([logs(['a']), logs(['b'])])
  const names = [file('c.jsonl.gz', gzipSync(text)), file('c.jsonl', zstdCompressSync(text))]
  assert.equal((await imported(...names)).accepted, 4)
  const TMPDIR = join(gateway.folder, 'tmp')
  mkdirSync(TMPDIR)
  const args = ['otlp', '--url', gateway.url, '--format', 'protobuf', '--signal', 'logs', '--stream', 'piped', '-']
  const piped = await run(args, { input: gzipSync(logsProtobuf(['p'])), env: { TMPDIR } })
  assert.equal(piped.code, 0, piped.stderr)
  assert.deepEqual(await rowsOf('piped', 'body'), ['p'])
  const copies = readdirSync(TMPDIR).filter(name => name.startsWith('millrace'))
  assert.deepEqual(copies, [], 'the copy of stdin is removed')
  const broken = file('d.jsonl', gzipSync(text).subarray(0, -12))
  assert.match((await otlp([broken])).stderr, /d\.jsonl: the content is not valid gzip: unexpected end of file/)
})

test('JSON with a request a line is read line by line, whatever its name', async () => {
  const path = file('lines.json', lines([logs(['a']), spans(['b'])]))
  assert.equal((await imported(path)).accepted, 2)
})

test('OTAP files of one command continue each other, and tell their signal', async () => {
  const producer = new Producer()
  const batch = (body: string) => ({
    LOGS: [u16('id', [0]), timestamp('time_unix_nano', [1n]), utf8('severity_text', [body])],
    LOG_ATTRS: [u16('parent_id', [0]), u8('type', [1]), utf8('key', ['k']), utf8('str', [body])],
  })
  const [first, second] = ['one', 'two'].map(name => file(`${name}.bar`, producer.message(batch(name))))
  const alone = await otlp([second!])
  assert.equal(alone.code, 1)
  assert.match(alone.stderr, /two\.bar: OTAP message 1: .*the stream does not begin with a schema/)
  const { accepted, files } = await imported(first!, second!)
  assert.equal(accepted, 2)
  assert.deepEqual(await rowsOf(files[1].stream, 'severity_text'), ['two'])
  assert.equal((await imported(first!, second!)).duplicates, 2)
})

test('a file without records is told', async () => {
  const { code, stderr } = await otlp([file('empty.json', '{}'), file('empty.jsonl', '')])
  assert.equal(code, 0)
  assert.match(stderr, /empty\.json: no records\nmillrace: \S+empty\.jsonl: no records\nmillrace: 0 records stored/)
})

test('records that only the gateway refuses fail the import, once they are its dead letters', async () => {
  const folder = join(gateway.folder, 'strict')
  const config = file('strict.yaml', 'gateway: { limits: { event: 100 } }\n')
  const strict = await startGateway(gateway.folder, ['--config', config, '--store', `sqlite:${folder}.db`])
  try {
    const path = file('long.json', JSON.stringify(logs(['x'.repeat(200), 'y'])))
    const { code, stderr } = await run(['otlp', '--url', strict.url, path])
    assert.equal(code, 1)
    assert.match(
      stderr,
      /long\.json: 1 records became dead letters of the gateway, which says: .*record 0: the record has \d+ bytes/,
    )
  } finally {
    await strict.stop()
  }
})

test('whatever breaks on the way, every record is stored once and in order', async () => {
  const requests = Array.from({ length: 30 }, (_, k) => (k % 2 === 0 ? logs([`n${k}`]) : spans([`n${k}`])))
  const path = file('faults.jsonl', lines(requests))
  const fates: Fate[] = [
    'refuse',
    { cutAnswerAt: 100 },
    { cutRequestAt: 900 },
    'refuse',
    { cutAnswerAt: 300 },
    { cutRequestAt: 3000 },
    { cutAnswerAt: 1500 },
  ]
  const proxy = await startProxy(() => gateway.port, fates)
  try {
    const { code, stdout, stderr } = await run(['otlp', '--url', proxy.url, path, '--stream', 'faults', '--json'])
    assert.equal(code, 0, stderr)
    assert.match(stderr, /trying again in/)
    assert.equal(fates.length, 0)
    const { records, accepted, duplicates } = JSON.parse(stdout)
    assert.deepEqual([records, accepted, duplicates], [30, 30, 0])
  } finally {
    proxy.close()
  }
  const rows = (await payloadsOf(gateway.url, 'faults')).map(text => JSON.parse(text))
  assert.deepEqual(
    rows.map(({ body, name }) => body ?? name),
    requests.map((_, k) => `n${k}`),
  )
})
